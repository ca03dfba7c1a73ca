"""A stock voice of a provider whose circuit is open."""

from __future__ import annotations

from tests.support.client import error_of
from tests.support.hosted import House
from voxport.testing.doubles import Fault

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


def test_a_stock_voice_is_known_while_its_provider_rests(home: House) -> None:
    assert home.say(RACHEL, provider="elevenlabs").status_code == 200
    home.elevenlabs.faults.add(Fault(SPEECH, status=503, body=None, times=100))
    for _ in range(5):
        home.say(RACHEL, provider="elevenlabs")
    for body in ({"provider": "elevenlabs"}, {}):
        answer = home.say(RACHEL, **body)
        assert (answer.status_code, error_of(answer)["code"]) == (503, "provider_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert home.client.get(f"/v1/voices/{RACHEL}").status_code == 200
    assert home.client.delete(f"/v1/voices/{RACHEL}").status_code == 403
    assert home.say("nobody", provider="elevenlabs").status_code == 404
    assert home.client.balance()["held"] == 0
