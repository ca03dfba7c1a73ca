"""Ids from providers are not trusted: none reaches a path, a header or the database unchecked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import update
from starlette.types import Receive, Scope, Send

from tests.conftest import MakeGateway
from tests.support.client import error_of, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.support.hosted_env import CLONE, HostedEnv
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE, Audio, Checkpoint, ClonedVoice, ProgressCallback, StockVoice
from voxport.providers.ids import is_id, is_stock_id, language_code, plain_text, trace_id
from voxport.testing.doubles import Fault
from voxport.voices.models import VoiceBinding

HOSTILE = [
    *("..", ".", "a/b?c=d#e", "../../v1/user/subscription", "%2e%2e", "x\r\ny", "a b", "a\x00b", "é"),
    *("x" * 129, "a;b", "a\\b", "//host/x", "http://127.0.0.1/", "{}", "\u202eabc", "a\n"),
]


@pytest.fixture
def unexpected_requests(hosted_env: HostedEnv) -> list[tuple[str, str]]:
    """Record requests to ElevenLabs on paths that the adapter does not use."""
    found: list[tuple[str, str]] = []

    async def stray(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((scope["method"], scope["path"]))
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    hosted_env.elevenlabs.app.router.default = stray
    return found


def no_other_path(hosted_env: HostedEnv, unexpected_requests: list[tuple[str, str]]) -> None:
    assert unexpected_requests == []
    assert {path for method, path in hosted_env.elevenlabs.requests if method != "GET"} <= {"/v1/voices/add"}
    assert {path for method, path in hosted_env.elevenlabs.requests if method == "GET"} <= {
        *("/v2/voices", "/v1/user/subscription", "/v1/models")
    }


@pytest.mark.parametrize("answered", ["../../v1/user/subscription", "x\r\ny"])
def test_a_clone_whose_id_can_not_be_used_fails_and_costs_nothing(
    hosted_env: HostedEnv, unexpected_requests: list[tuple[str, str]], answered: str
) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=remote_name(answered)))
    job = hosted_env.run(hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed")
    no_other_path(hosted_env, unexpected_requests)
    hosted_env.run_sweeps()  # finds the created voice by its name; the list has a valid id for it
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert verify(hosted_env.gateway.database) == []


def test_no_id_that_can_not_be_used_is_taken_or_asked_for(
    hosted_env: HostedEnv, unexpected_requests: list[tuple[str, str]]
) -> None:
    one, sample = hosted_env.gateway.providers.get("elevenlabs"), np.full(SAMPLE_RATE, 0.1, np.float32)
    for number, answered in enumerate(HOSTILE):
        hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=remote_name(answered)))
        with pytest.raises(ProviderFailed):
            one.clone(sample, voice_id=f"voice{number}", instant=False, on_progress=lambda _: None)
        no_other_path(hosted_env, unexpected_requests)
        assert len(hosted_env.elevenlabs.voices) == 1
        one.forget(f"voice{number}")
        assert not hosted_env.elevenlabs.voices
        hosted_env.elevenlabs.requests.clear()


def remote_name(voice_id: str) -> dict[str, Any]:
    """Return ElevenLabs' response to a created voice."""
    return {"voice_id": voice_id, "requires_verification": False}


def test_an_instant_clone_whose_id_can_not_be_used_fails_and_costs_nothing(
    hosted_env: HostedEnv, unexpected_requests: list[tuple[str, str]]
) -> None:
    body = {"voice_id": "a/b?c=d#e", "requires_verification": True}
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", replace=body))
    answer = hosted_env.instant("elevenlabs")
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert hosted_env.client.balance()["balance"] == 100.0
    no_other_path(hosted_env, unexpected_requests)


@pytest.mark.parametrize("kept", ["..", "../../v1/user/subscription"])
def test_an_id_that_was_kept_before_they_were_checked_reaches_no_path(
    hosted_env: HostedEnv, unexpected_requests: list[tuple[str, str]], kept: str
) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    with hosted_env.gateway.database.transaction() as tx:
        tx.execute(update(VoiceBinding).where(VoiceBinding.voice_id == voice_id).values(provider_voice_id=kept))
    # rebuilt from its sample
    assert hosted_env.spoken_mark(hosted_env.speak(voice_id, provider="elevenlabs")) is not None
    with hosted_env.gateway.database.transaction() as tx:
        tx.execute(update(VoiceBinding).where(VoiceBinding.voice_id == voice_id).values(provider_voice_id=kept))
    answer = hosted_env.client.delete(f"/v1/voices/{voice_id}")
    assert (answer.status_code, answer.json()["data"]["left"]) == (200, [])
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert not hosted_env.elevenlabs.voices  # removed by its name
    assert unexpected_requests == []
    known = ("/v1/voices/", "/v1/text-to-speech/", "/v2/voices", "/v1/user/subscription", "/v1/models")
    assert all(path.startswith(known) for _, path in hosted_env.elevenlabs.requests)


def test_a_listed_voice_of_ours_whose_id_can_not_be_used_is_told_as_left(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    name = next(iter(hosted_env.elevenlabs.voices.values())).name
    listed = {"voices": [{"voice_id": "../x", "name": name, "category": "cloned"}], "has_more": False}
    hosted_env.elevenlabs.faults.add(Fault("/v2/voices", method="GET", replace=listed))
    answer = hosted_env.client.delete(f"/v1/voices/{voice_id}")
    assert answer.status_code == 200
    assert len(answer.json()["data"]["left"]) == 1
    hosted_env.run_sweeps()
    assert not hosted_env.elevenlabs.voices


@pytest.mark.parametrize("trace", ["x\r\nSet-Cookie: a=b", "a\x00b", {"a": "\x00"}, "t" * 5_000])
def test_a_providers_id_of_a_request_is_told_without_what_no_id_holds(hosted_env: HostedEnv, trace: Any) -> None:
    body = {"detail": {"status": "odd", "message": "m", "request_id": trace}}
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", method="POST", status=400, body=body))
    job = hosted_env.run(hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}))
    shown_id = job["error"]["details"].get("provider_request_id", "")
    assert shown_id.isascii() and shown_id.isprintable() and len(shown_id) <= 128 and " " not in shown_id


class MisnamingProvider(FakeProvider):
    """A plugin's provider that returns invalid ids."""

    given = "../x"

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        return ClonedVoice(self.given, "en-us", b"a voice")


def test_the_ids_of_any_provider_are_checked_also_of_a_plugin(make_gateway: MakeGateway) -> None:
    stock = [StockVoice("hum", "Hum", "en-us", None), StockVoice("a\r\nb", "Bad", "en-us", None)]
    fake_env: FakeProviderEnv = with_fake_provider(make_gateway, MisnamingProvider(stock=stock))
    client = open_client(fake_env.gateway)
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
