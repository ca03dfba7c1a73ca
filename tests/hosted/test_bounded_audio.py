"""Responses that are not speech: they are rejected, cost nothing, and are never held whole in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import error_of
from tests.support.hosted_env import ELEVENLABS_KEY, TTS, HostedEnv
from voxport.billing.verify import verify
from voxport.providers.audio_bounds import max_seconds
from voxport.providers.base import SAMPLE_RATE, Utterance, VoiceRef
from voxport.providers.upstream import ResponseLost, Upstream
from voxport.testing.doubles import Fault, serve_app

SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
STOCK = {"elevenlabs": "21m00Tcm4TlvDq8ikWAM", "minimax": "English_expressive_narrator"}
LONG = "This is one of many sentences of a long text, and it goes on. " * 60
JUNK: dict[str, dict[str, Any]] = {
    "ten minutes of noise": {"noise": 600.0},
    "a minute of noise": {"noise": 60.0},
    "silence": {"silence": True},
    "half a sample": {"extra_byte": True},
}
ELEVENLABS = {**JUNK, "a bomb": {"gzip_bomb_bytes": 20_000_000}}
ROWS = [("elevenlabs", name) for name in ELEVENLABS] + [("minimax", name) for name in JUNK]


@pytest.mark.parametrize(("provider", "name"), ROWS)
def test_what_cannot_be_speech_of_the_text_is_no_answer_and_costs_nothing(
    hosted_env: HostedEnv, provider: str, name: str
) -> None:
    getattr(hosted_env, provider).faults.add(Fault(SPEECH[provider], times=2, **ELEVENLABS[name]))
    answer = hosted_env.speak(STOCK[provider], provider=provider)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    streamed = hosted_env.speak(STOCK[provider], provider=provider, stream=True, output_format="wav")
    # Silence is detected before the first byte; noise aborts the body once it is longer than the text allows.
    assert streamed.status_code in (200, 502)
    require_unpaid(hosted_env)


@pytest.mark.parametrize("name", ["a minute of noise", "silence", "half a sample", "a bomb"])
def test_an_instant_clone_of_junk_is_no_answer_and_leaves_no_voice(hosted_env: HostedEnv, name: str) -> None:
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], **ELEVENLABS[name]))
    answer = hosted_env.instant("elevenlabs")
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert hosted_env.elevenlabs.voices == {}
    require_unpaid(hosted_env)


@pytest.mark.parametrize("name", ["a minute of noise", "silence", "half a sample", "a bomb"])
def test_a_job_whose_second_part_is_junk_fails_and_costs_nothing(hosted_env: HostedEnv, name: str) -> None:
    fault = {"noise": 3_000.0} if "noise" in ELEVENLABS[name] else ELEVENLABS[name]
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], skip_first=1, **fault))
    body = {"text": LONG, "voice_id": STOCK["elevenlabs"], "provider": "elevenlabs"}
    job = hosted_env.run(hosted_env.client.post(TTS, body, headers={"Prefer": "respond-async"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed"), job
    require_unpaid(hosted_env)


def test_another_provider_speaks_in_place_of_junk(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], silence=True))
    hosted_env.minimax.faults.add(Fault(SPEECH["minimax"], silence=True))
    assert hosted_env.speak(voice_id, provider="auto").status_code == 502
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], noise=300.0))
    answer = hosted_env.speak(voice_id, provider="auto")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["provider"] == "minimax"
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.parametrize("provider", list(SPEECH))
@pytest.mark.parametrize("is_low_latency", [False, True])
def test_audio_comes_in_pieces_of_bounded_size(hosted_env: HostedEnv, provider: str, is_low_latency: bool) -> None:
    spoken = hosted_env.gateway.providers.get(provider).speak(
        VoiceRef(STOCK[provider]), Utterance(LONG, "en", low_latency=is_low_latency)
    )
    sizes = [piece.audio.size for piece in spoken]
    assert sum(sizes) > 100 * SAMPLE_RATE
    assert max(sizes) <= 6 * SAMPLE_RATE


def test_a_packed_answer_is_unpacked_in_steps_of_bounded_size(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/models", gzip_bomb_bytes=20_000_000))
    with serve_app(hosted_env.elevenlabs.app) as url:
        upstream = Upstream(url, {"xi-api-key": ELEVENLABS_KEY}, read_timeout=5.0)
        with upstream.stream("GET", "/v1/models") as streamed:
            sizes = [len(part) for part in streamed.chunks]
        hosted_env.elevenlabs.faults.add(Fault("/v1/models", gzip_bomb_bytes=20_000_000))
        with pytest.raises(ResponseLost):
            upstream.send("GET", "/v1/models")
        upstream.close()
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 65_536


@pytest.mark.parametrize("text", ["1000000", "A...", "€ 1,000,000,000.00", "WWW", "你好世界", "3.14159265358979"])
def test_short_texts_that_are_long_when_they_are_read_out_have_room(text: str) -> None:
    assert max_seconds(text) > 10 + 0.4 * len(text)
    assert max_seconds(text, 0.5) > max_seconds(text) > max_seconds(text, 2.0)


def require_unpaid(hosted_env: HostedEnv) -> None:
    assert hosted_env.client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert verify(hosted_env.gateway.database) == []
