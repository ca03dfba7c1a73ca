"""Clone responses with an id that belongs to another voice."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from tests.support.client import error_of
from tests.support.hosted_env import CLONE, HostedEnv
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

STOCK = "21m00Tcm4TlvDq8ikWAM"


@pytest.mark.parametrize("whose", ["another customer's", "everybody's"])
def test_an_id_that_is_another_voice_s_makes_no_voice(hosted_env: HostedEnv, whose: str) -> None:
    first = hosted_env.clone("elevenlabs")
    (taken,) = hosted_env.elevenlabs.voices
    heard = hosted_env.spoken_mark(hosted_env.speak(first, provider="elevenlabs"))
    body = {"voice_id": taken if whose == "another customer's" else STOCK, "requires_verification": False}
    before = hosted_env.client.balance()
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    job = hosted_env.run(hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(1), "provider": "elevenlabs"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed"), job
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    answer = hosted_env.instant("elevenlabs", speaker=1)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert hosted_env.client.balance() == before
    hosted_env.run_sweeps()
    assert set(hosted_env.elevenlabs.voices) == {taken}, "what was made is removed by its name, and no other voice is"
    assert STOCK in hosted_env.elevenlabs.premade
    assert ("DELETE", f"/v1/voices/{taken}") not in hosted_env.elevenlabs.requests
    assert hosted_env.spoken_mark(hosted_env.speak(first, provider="elevenlabs")) == heard
    assert verify(hosted_env.gateway.database) == []


def test_a_voice_that_is_made_again_may_get_its_own_id_again(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    (created,) = hosted_env.elevenlabs.voices.values()
    hosted_env.elevenlabs.voices.clear()  # deleted at the provider

    def remake(request: Request, when: str) -> None:
        if request.url.path == "/v1/voices/add" and when == "after":
            hosted_env.elevenlabs.voices.clear()
            hosted_env.elevenlabs.voices[created.voice_id] = created

    hosted_env.elevenlabs.on_request = remake
    body = {"voice_id": created.voice_id, "requires_verification": False}
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    assert hosted_env.speak(voice_id, provider="elevenlabs").status_code == 200
