"""What a provider answers is not believed: no id of its reaches a path, a header or the database unchecked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import update
from starlette.types import Receive, Scope, Send

from tests.conftest import MakeGateway
from tests.support.client import error_of, open_client
from tests.support.hosted import CLONE, House
from tests.support.providers import Humming, ToneProvider, hum
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE, Audio, ClonedVoice, Kept, Progress, StockVoice
from voxport.providers.ids import is_id, is_stock_id, language_code, plain_text, trace_id
from voxport.testing.doubles import Fault
from voxport.voices.models import VoiceBinding

HOSTILE = [
    *("..", ".", "a/b?c=d#e", "../../v1/user/subscription", "%2e%2e", "x\r\ny", "a b", "a\x00b", "é"),
    *("x" * 129, "a;b", "a\\b", "//host/x", "http://127.0.0.1/", "{}", "\u202eabc", "a\n"),
]


@pytest.fixture
def strayed(home: House) -> list[tuple[str, str]]:
    """What ElevenLabs was asked for that is none of the paths that the adapter knows."""
    found: list[tuple[str, str]] = []

    async def stray(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((scope["method"], scope["path"]))
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    home.elevenlabs.app.router.default = stray
    return found


def no_other_path(home: House, strayed: list[tuple[str, str]]) -> None:
    assert strayed == []
    assert {path for method, path in home.elevenlabs.requests if method != "GET"} <= {"/v1/voices/add"}
    assert {path for method, path in home.elevenlabs.requests if method == "GET"} <= {
        *("/v2/voices", "/v1/user/subscription", "/v1/models")
    }


@pytest.mark.parametrize("answered", ["../../v1/user/subscription", "x\r\ny"])
def test_a_clone_whose_id_can_not_be_used_fails_and_costs_nothing(
    home: House, strayed: list[tuple[str, str]], answered: str
) -> None:
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=made_as(answered)))
    job = home.run(home.client.post(CLONE, {"audioUrl": home.upload(), "provider": "elevenlabs"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed")
    no_other_path(home, strayed)
    home.tidy()  # the voice that was made is found by its name, and is listed with an id that can be used
    assert not home.elevenlabs.voices
    assert home.client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert verify(home.gateway.database) == []


def test_no_id_that_can_not_be_used_is_taken_or_asked_for(home: House, strayed: list[tuple[str, str]]) -> None:
    one, sample = home.gateway.providers.get("elevenlabs"), np.full(SAMPLE_RATE, 0.1, np.float32)
    for number, answered in enumerate(HOSTILE):
        home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=made_as(answered)))
        with pytest.raises(ProviderFailed):
            one.clone(sample, voice_id=f"voice{number}", quick=False, progress=lambda _: None)
        no_other_path(home, strayed)
        assert len(home.elevenlabs.voices) == 1
        one.forget(f"voice{number}")
        assert not home.elevenlabs.voices
        home.elevenlabs.requests.clear()


def made_as(voice_id: str) -> dict[str, Any]:
    """What ElevenLabs answers when a voice was made."""
    return {"voice_id": voice_id, "requires_verification": False}


def test_an_instant_clone_whose_id_can_not_be_used_fails_and_costs_nothing(
    home: House, strayed: list[tuple[str, str]]
) -> None:
    body = {"voice_id": "a/b?c=d#e", "requires_verification": True}
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    answer = home.instant("elevenlabs")
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert home.client.balance()["balance"] == 100.0
    no_other_path(home, strayed)


@pytest.mark.parametrize("kept", ["..", "../../v1/user/subscription"])
def test_an_id_that_was_kept_before_they_were_checked_reaches_no_path(
    home: House, strayed: list[tuple[str, str]], kept: str
) -> None:
    voice_id = home.clone("elevenlabs")
    with home.gateway.database.transaction() as tx:
        tx.execute(update(VoiceBinding).where(VoiceBinding.voice_id == voice_id).values(provider_voice_id=kept))
    assert home.heard(home.say(voice_id, provider="elevenlabs")) is not None  # made again from its sample
    with home.gateway.database.transaction() as tx:
        tx.execute(update(VoiceBinding).where(VoiceBinding.voice_id == voice_id).values(provider_voice_id=kept))
    answer = home.client.delete(f"/v1/voices/{voice_id}")
    assert (answer.status_code, answer.json()["data"]["left"]) == (200, [])
    home.clock.turn(seconds=1201)
    home.tidy()
    assert not home.elevenlabs.voices  # removed by its name
    assert strayed == []
    known = ("/v1/voices/", "/v1/text-to-speech/", "/v2/voices", "/v1/user/subscription", "/v1/models")
    assert all(path.startswith(known) for _, path in home.elevenlabs.requests)


def test_a_listed_voice_of_ours_whose_id_can_not_be_used_is_told_as_left(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    name = next(iter(home.elevenlabs.voices.values())).name
    listed = {"voices": [{"voice_id": "../x", "name": name, "category": "cloned"}], "has_more": False}
    home.elevenlabs.faults.add(Fault("/v2/voices", method="GET", replace=listed))
    answer = home.client.delete(f"/v1/voices/{voice_id}")
    assert answer.status_code == 200
    assert len(answer.json()["data"]["left"]) == 1
    home.tidy()
    assert not home.elevenlabs.voices


@pytest.mark.parametrize("trace", ["x\r\nSet-Cookie: a=b", "a\x00b", {"a": "\x00"}, "t" * 5_000])
def test_a_providers_id_of_a_request_is_told_without_what_no_id_holds(home: House, trace: Any) -> None:
    body = {"detail": {"status": "odd", "message": "m", "request_id": trace}}
    home.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", status=400, body=body))
    job = home.run(home.client.post(CLONE, {"audioUrl": home.upload(), "provider": "elevenlabs"}))
    told = job["error"]["details"].get("provider_request_id", "")
    assert told.isascii() and told.isprintable() and len(told) <= 128 and " " not in told


class Misnaming(ToneProvider):
    """A provider of a plugin, which gives ids that are none."""

    given = "../x"

    def clone(
        self, sample: Audio, *, voice_id: str, quick: bool, progress: Progress, kept: Kept | None = None
    ) -> ClonedVoice:
        return ClonedVoice(self.given, "en-us", b"a voice")


def test_the_ids_of_any_provider_are_checked_also_of_a_plugin(make_gateway: MakeGateway) -> None:
    stock = [StockVoice("hum", "Hum", "en-us", None), StockVoice("a\r\nb", "Bad", "en-us", None)]
    humming: Humming = hum(make_gateway(), Misnaming(stock=stock))
    client = open_client(humming.gateway)
    body = {"audioUrl": client.upload()["public_url"], "text": "Hello.", "provider": "local"}
    answer = client.post("/v1/proxy/core-instant-clone-tts", body)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert client.balance()["balance"] == 100
    voices = client.get("/v1/proxy/core-tts-voices?provider=local").json()["data"]["voices"]
    assert [voice["voice_id"] for voice in voices] == ["hum"]


def test_what_an_id_is() -> None:
    assert all(is_id(one) for one in ("abc123xyz", "vxp-t1-abc-0x", "A_b-9", "x" * 128))
    assert not any(is_id(one) for one in (*HOSTILE, "\ud800", "", None, 1, ["a"]))
    assert all(is_stock_id(one) for one in ("Chinese (Mandarin)_News_Anchor", "af_heart"))
    assert not any(is_stock_id(one) for one in ("", " a", "a ", "a\nb", "é", None, "x" * 129))
    assert (language_code("pt-br", default="en"), language_code("<b>", default="en")) == ("pt-br", "en")
    assert plain_text("A\x00\r\n\ud800 name" + "x" * 999, max_length=8) == "A namexx"
    assert plain_text("\n", default="id") == "id"
    assert trace_id(None) == "" and trace_id(12) == "12"
