"""A provider that answers the id of a voice that is somebody else's."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from tests.support.client import error_of
from tests.support.hosted import CLONE, House
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

STOCK = "21m00Tcm4TlvDq8ikWAM"


@pytest.mark.parametrize("whose", ["another customer's", "everybody's"])
def test_an_id_that_is_another_voice_s_makes_no_voice(home: House, whose: str) -> None:
    first = home.clone("elevenlabs")
    (taken,) = home.elevenlabs.voices
    heard = home.heard(home.say(first, provider="elevenlabs"))
    body = {"voice_id": taken if whose == "another customer's" else STOCK, "requires_verification": False}
    before = home.client.balance()
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    job = home.run(home.client.post(CLONE, {"audioUrl": home.upload(1), "provider": "elevenlabs"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed"), job
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    answer = home.instant("elevenlabs", speaker=1)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert home.client.balance() == before
    home.tidy()
    assert set(home.elevenlabs.voices) == {taken}, "what was made is removed by its name, and no other voice is"
    assert STOCK in home.elevenlabs.premade
    assert ("DELETE", f"/v1/voices/{taken}") not in home.elevenlabs.requests
    assert home.heard(home.say(first, provider="elevenlabs")) == heard
    assert verify(home.gateway.database) == []


def test_a_voice_that_is_made_again_may_get_its_own_id_again(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    (made,) = home.elevenlabs.voices.values()
    home.elevenlabs.voices.clear()  # it is gone at the provider

    def remake(request: Request, when: str) -> None:
        if request.url.path == "/v1/voices/add" and when == "after":
            home.elevenlabs.voices.clear()
            home.elevenlabs.voices[made.voice_id] = made

    home.elevenlabs.watch = remake
    body = {"voice_id": made.voice_id, "requires_verification": False}
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    assert home.say(voice_id, provider="elevenlabs").status_code == 200
