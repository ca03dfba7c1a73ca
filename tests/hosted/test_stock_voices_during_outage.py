"""Stock voices of a provider whose circuit is open."""

from __future__ import annotations

from tests.support.client import error_of
from tests.support.hosted_env import HostedEnv
from voxport.testing.doubles import Fault

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


def test_a_stock_voice_is_known_while_its_provider_rests(hosted_env: HostedEnv) -> None:
    assert hosted_env.speak(RACHEL, provider="elevenlabs").status_code == 200
    hosted_env.elevenlabs.faults.add(Fault(SPEECH, status=503, body=None, times=100))
    for _ in range(5):
        hosted_env.speak(RACHEL, provider="elevenlabs")
    for body in ({"provider": "elevenlabs"}, {}):
        answer = hosted_env.speak(RACHEL, **body)
        assert (answer.status_code, error_of(answer)["code"]) == (503, "provider_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert hosted_env.client.get(f"/v1/voices/{RACHEL}").status_code == 200
    assert hosted_env.client.delete(f"/v1/voices/{RACHEL}").status_code == 403
    assert hosted_env.speak("nobody", provider="elevenlabs").status_code == 404
    assert hosted_env.client.balance()["held"] == 0
