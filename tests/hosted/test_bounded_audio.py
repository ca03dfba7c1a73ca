"""What a provider sends in place of speech: refused, unpaid, and never whole in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import error_of
from tests.support.hosted import ELEVENLABS_KEY, TTS, House
from voxport.billing.verify import verify
from voxport.providers.audio_bounds import max_seconds
from voxport.providers.base import SAMPLE_RATE, VoiceRef
from voxport.providers.upstream import AnswerLost, Upstream
from voxport.testing.doubles import Fault, served

SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
STOCK = {"elevenlabs": "21m00Tcm4TlvDq8ikWAM", "minimax": "English_expressive_narrator"}
LONG = "This is one of many sentences of a long text, and it goes on. " * 60
JUNK: dict[str, dict[str, Any]] = {
    "ten minutes of noise": {"noise": 600.0},
    "a minute of noise": {"noise": 60.0},
    "silence": {"silence": True},
    "half a sample": {"odd": True},
}
ELEVENLABS = {**JUNK, "a bomb": {"bomb": 20_000_000}}
ROWS = [("elevenlabs", name) for name in ELEVENLABS] + [("minimax", name) for name in JUNK]


@pytest.mark.parametrize(("provider", "name"), ROWS)
def test_what_cannot_be_speech_of_the_text_is_no_answer_and_costs_nothing(
    home: House, provider: str, name: str
) -> None:
    getattr(home, provider).faults.add(Fault(SPEECH[provider], times=2, **ELEVENLABS[name]))
    answer = home.say(STOCK[provider], provider=provider)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    streamed = home.say(STOCK[provider], provider=provider, stream=True, output_format="wav")
    # Silence is told before the first byte; noise breaks the body off when it is longer than the text can be.
    assert streamed.status_code in (200, 502)
    require_unpaid(home)


@pytest.mark.parametrize("name", ["a minute of noise", "silence", "half a sample", "a bomb"])
def test_an_instant_clone_of_junk_is_no_answer_and_leaves_no_voice(home: House, name: str) -> None:
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], **ELEVENLABS[name]))
    answer = home.instant("elevenlabs")
    assert (answer.status_code, error_of(answer)["code"]) == (502, "provider_failed")
    assert home.elevenlabs.voices == {}
    require_unpaid(home)


@pytest.mark.parametrize("name", ["a minute of noise", "silence", "half a sample", "a bomb"])
def test_a_job_whose_second_part_is_junk_fails_and_costs_nothing(home: House, name: str) -> None:
    fault = {"noise": 3_000.0} if "noise" in ELEVENLABS[name] else ELEVENLABS[name]
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], spared=1, **fault))
    body = {"text": LONG, "voice_id": STOCK["elevenlabs"], "provider": "elevenlabs"}
    job = home.run(home.client.post(TTS, body, headers={"Prefer": "respond-async"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_failed"), job
    require_unpaid(home)


def test_another_provider_speaks_in_place_of_junk(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], silence=True))
    home.minimax.faults.add(Fault(SPEECH["minimax"], silence=True))
    assert home.say(voice_id, provider="auto").status_code == 502
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], noise=300.0))
    answer = home.say(voice_id, provider="auto")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["provider"] == "minimax"
    assert verify(home.gateway.database) == []


@pytest.mark.parametrize("provider", list(SPEECH))
@pytest.mark.parametrize("is_early", [False, True])
def test_audio_comes_in_pieces_of_bounded_size(home: House, provider: str, is_early: bool) -> None:
    spoken = home.gateway.providers.get(provider).speak(LONG, VoiceRef(STOCK[provider]), language="en", early=is_early)
    sizes = [piece.audio.size for piece in spoken]
    assert sum(sizes) > 100 * SAMPLE_RATE
    assert max(sizes) <= 6 * SAMPLE_RATE


def test_a_packed_answer_is_unpacked_in_steps_of_bounded_size(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/models", bomb=20_000_000))
    with served(home.elevenlabs.app) as url:
        upstream = Upstream(url, {"xi-api-key": ELEVENLABS_KEY}, read_seconds=5.0)
        with upstream.stream("GET", "/v1/models") as streamed:
            sizes = [len(part) for part in streamed.parts]
        home.elevenlabs.faults.add(Fault("/v1/models", bomb=20_000_000))
        with pytest.raises(AnswerLost):
            upstream.ask("GET", "/v1/models")
        upstream.close()
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 65_536


@pytest.mark.parametrize("text", ["1000000", "A...", "€ 1,000,000,000.00", "WWW", "你好世界", "3.14159265358979"])
def test_short_texts_that_are_long_when_they_are_read_out_have_room(text: str) -> None:
    assert max_seconds(text) > 10 + 0.4 * len(text)
    assert max_seconds(text, 0.5) > max_seconds(text) > max_seconds(text, 2.0)


def require_unpaid(home: House) -> None:
    assert home.client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert home.gateway.intents.every() == []
    assert verify(home.gateway.database) == []
