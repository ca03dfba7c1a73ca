"""The MiniMax adapter against the double, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from tests.providers.conftest import TurnedTime
from voxport.errors import (
    Invalid,
    OutcomeUnknown,
    ProviderBusy,
    ProviderFailed,
    ProviderUnavailable,
    SampleUnusable,
    VoiceLost,
    VoxportError,
)
from voxport.providers.base import SAMPLE_RATE, Audio, ClonedVoice, Utterance, VoiceRef
from voxport.providers.minimax import MiniMax
from voxport.testing.doubles import Fault, MiniMaxDouble, identify, serve_app
from voxport.testing.doubles.minimax import wire
from voxport.testing.doubles.speech import synthesize

KEY = "sk-api-very-secret"
TEXT = "The ferry leaves the island at seven in the morning."
SPEECH = "/v1/t2a_v2"
NARRATOR = VoiceRef("English_expressive_narrator")


@pytest.fixture
def double() -> MiniMaxDouble:
    synthesize("Made once, so that no first call waits for it.", 0)
    created = MiniMaxDouble()
    created.account.keys = {KEY}
    return created


@pytest.fixture
def provider(double: MiniMaxDouble) -> Iterator[MiniMax]:
    with serve_app(double.app) as url:
        opened = adapter(url)
        yield opened
        opened.close()


def adapter(url: str, *, timeout: float = 120.0, longest: int = 5_000, read_timeout: float = 120.0) -> MiniMax:
    return MiniMax(KEY, base_url=url, tag="t1", max_text_length=longest, timeout=timeout, read_timeout=read_timeout)


@cache
def sample(pitch: float = 120.0, *, seconds: float = 12.0) -> Audio:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def clone(provider: MiniMax, voice_id: str = "voice1", *, pitch: float = 120.0, instant: bool = False) -> ClonedVoice:
    return provider.clone(sample(pitch), voice_id=voice_id, instant=instant, on_progress=lambda _: None)


def spoken(provider: MiniMax, voice: VoiceRef, text: str = TEXT, *, low_latency: bool = False) -> Audio:
    return np.concatenate(
        [piece.audio for piece in provider.speak(voice, Utterance(text, "en", low_latency=low_latency))]
    )


def failing(code: int, path: str = SPEECH) -> Fault:
    return Fault(path, status=200, body={"data": None, "trace_id": "trace-1", "base_resp": wire.base_resp(code)})


# Voices


def test_a_clone_speaks_in_its_own_voice(double: MiniMaxDouble, provider: MiniMax) -> None:
    for voice_id, pitch in (("voice1", 100.0), ("voice2", 150.0)):
        created = clone(provider, voice_id, pitch=pitch)
        assert (
            identify(spoken(provider, VoiceRef(created.provider_voice_id)))
            == double.voices[created.provider_voice_id].mark
        )


def test_a_clone_is_activated_so_that_it_stays_and_a_quick_one_is_not(double: MiniMaxDouble, provider: MiniMax) -> None:
    kept, instant = clone(provider), clone(provider, "voice2", instant=True)
    assert double.activated == [kept.provider_voice_id]
    double.clock.advance(days=6)
    spoken(provider, VoiceRef(instant.provider_voice_id))


def test_the_same_voice_asked_for_twice_is_made_once(double: MiniMaxDouble, provider: MiniMax) -> None:
    assert clone(provider).provider_voice_id == clone(provider).provider_voice_id
    assert len(double.voices) == 1


@pytest.mark.parametrize("path", ["/v1/files/upload", "/v1/voice_clone"])
@pytest.mark.parametrize("kind", ["lost", "reset", "refused"])
def test_a_lost_answer_on_the_way_to_a_clone_leaves_one(
    double: MiniMaxDouble, provider: MiniMax, path: str, kind: str
) -> None:
    faults = {
        "lost": Fault(path, drop_response=True),
        "reset": Fault(path, reset=True),
        "refused": Fault(path, status=503),
    }
    double.faults.add(faults[kind])
    created = clone(provider)
    assert list(double.voices) == [created.provider_voice_id]


@pytest.mark.parametrize("instant", [False, True])
@pytest.mark.parametrize("end", ["deleted", "a week without speech"])
def test_a_voice_that_is_gone_can_be_made_again(
    double: MiniMaxDouble, provider: MiniMax, instant: bool, end: str
) -> None:
    first = clone(provider, instant=instant)
    if end == "deleted":
        provider.delete(VoiceRef(first.provider_voice_id))
    else:
        double.clock.advance(days=8)
    second = clone(provider, instant=instant)
    assert second.provider_voice_id != first.provider_voice_id
    heard = identify(spoken(provider, VoiceRef(second.provider_voice_id)))
    assert heard == double.voices[second.provider_voice_id].mark


def test_deleting_a_voice_that_is_gone_is_no_error(double: MiniMaxDouble, provider: MiniMax) -> None:
    reference = VoiceRef(clone(provider).provider_voice_id)
    provider.delete(reference)
    assert double.voices == {}
    provider.delete(reference)
    double.faults.add(failing(1004, "/v1/delete_voice"))
    with pytest.raises(ProviderUnavailable):
        provider.delete(reference)


def test_only_the_voices_of_everybody_are_listed(double: MiniMaxDouble, provider: MiniMax) -> None:
    clone(provider)
    voices = provider.list_voices()
    assert {voice.voice_id for voice in voices} == set(double.system)
    assert {voice.language for voice in voices} == {"en", "zh"}


def test_a_sample_that_is_too_short_is_refused_with_what_to_send(provider: MiniMax) -> None:
    with pytest.raises(SampleUnusable, match="30 seconds"):
        provider.clone(sample(seconds=8), voice_id="voice1", instant=False, on_progress=lambda _: None)


# Speech


@pytest.mark.parametrize("low_latency", [False, True])
def test_speech_is_whole_once_and_as_loud_as_all(double: MiniMaxDouble, provider: MiniMax, low_latency: bool) -> None:
    audio = spoken(provider, NARRATOR, TEXT * 3, low_latency=low_latency)
    assert audio.size / SAMPLE_RATE == pytest.approx(3 * 0.06 * len(TEXT), abs=0.4)
    assert 0.05 < np.sqrt(np.square(audio).mean()) < 0.2
    assert identify(audio) == double.system[NARRATOR.provider_voice_id].mark


def test_a_stream_comes_in_pieces(provider: MiniMax) -> None:
    assert len(list(provider.speak(NARRATOR, Utterance(TEXT * 3, "en", low_latency=True)))) > 3


def test_a_long_text_is_spoken_in_parts(double: MiniMaxDouble) -> None:
    text = " ".join(f"This is sentence number {number} of a long text." for number in range(40))
    with serve_app(double.app) as url:
        provider = adapter(url, longest=500)
        pieces = list(provider.speak(NARRATOR, Utterance(text, "en")))
        ends = [number for number, piece in enumerate(pieces) if piece.is_resumable]
        rest = list(provider.speak(NARRATOR, Utterance(text, "en", resume_from=pieces[ends[1]].resume_token)))
        provider.close()
    assert len(ends) == 4
    assert [piece.audio.tobytes() for piece in rest] == [piece.audio.tobytes() for piece in pieces[ends[1] + 1 :]]


# Errors

KINDS: dict[int, type[VoxportError]] = {
    1000: ProviderUnavailable,
    1001: OutcomeUnknown,
    1004: ProviderUnavailable,
    1008: ProviderUnavailable,
    1013: ProviderUnavailable,
    1024: ProviderUnavailable,
    1026: Invalid,
    1027: Invalid,
    1033: ProviderUnavailable,
    1042: Invalid,
    1043: ProviderFailed,
    1044: ProviderFailed,
    2013: ProviderFailed,
    20132: ProviderFailed,
    2037: ProviderFailed,
    2038: ProviderUnavailable,
    2039: ProviderFailed,
    2042: VoiceLost,
    2048: ProviderFailed,
    2049: ProviderUnavailable,
    2054: VoiceLost,
    2056: ProviderUnavailable,
    2061: ProviderUnavailable,
}
BUSY = (1002, 1039, 1041, 2045)


def test_the_table_has_every_code() -> None:
    assert set(KINDS) | set(BUSY) | {0} == set(wire.MESSAGES)


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("code", KINDS)
def test_each_code_is_told_as_what_the_caller_can_do(
    double: MiniMaxDouble, provider: MiniMax, code: int, low_latency: bool
) -> None:
    double.faults.add(failing(code))
    with pytest.raises(KINDS[code]) as failure:
        spoken(provider, NARRATOR, low_latency=low_latency)
    assert failure.value.details["provider_code"] == code
    assert failure.value.details["provider_request_id"] == "trace-1"
    assert_nothing_leaks(failure.value)
    assert sum(path == SPEECH for _, path in double.requests) == 1, "a call that may be billed was repeated"


@pytest.mark.parametrize("code", BUSY)
def test_what_is_too_much_is_tried_again_until_it_is_served(
    double: MiniMaxDouble, provider: MiniMax, turned: TurnedTime, code: int
) -> None:
    double.faults.add(failing(code))
    assert spoken(provider, NARRATOR).size
    assert turned.now > 0
    assert len(double.spoken) == 1


def test_a_provider_that_stays_busy_says_when_to_come_again(double: MiniMaxDouble, turned: TurnedTime) -> None:
    double.account.concurrency = 0
    with serve_app(double.app) as url:
        provider = adapter(url, timeout=1.0)
        with pytest.raises(ProviderBusy) as failure:
            spoken(provider, NARRATOR)
        provider.close()
    assert turned.now <= 1.0
    assert int(failure.value.headers["Retry-After"]) >= 1


FAULTS: list[tuple[Fault, type[VoxportError]]] = [
    (Fault(SPEECH, drop_response=True), OutcomeUnknown),
    (Fault(SPEECH, reset=True), OutcomeUnknown),
    (Fault(SPEECH, hang=True), OutcomeUnknown),
    (Fault(SPEECH, status=500, body=None), OutcomeUnknown),
    (Fault(SPEECH, status=524, body=None), OutcomeUnknown),
    (Fault(SPEECH, status=503, body="<html>", content_type="text/html"), ProviderUnavailable),
    (Fault(SPEECH, status=504, body=None), OutcomeUnknown),
    (Fault(SPEECH, status=403, body=None), ProviderUnavailable),
    (Fault(SPEECH, replace={"data": {"audio": "zz"}, "base_resp": wire.base_resp()}), ProviderFailed),
    (Fault(SPEECH, replace={"data": {"audio": ""}, "base_resp": wire.base_resp()}), ProviderFailed),
    (Fault(SPEECH, replace={"data": {"audio": "0000" * 99}, "base_resp": wire.base_resp()}), ProviderFailed),
    (Fault(SPEECH, replace={"foo": 1}), OutcomeUnknown),
]


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize(("fault", "kind"), FAULTS)
def test_each_failure_is_told_as_what_the_caller_can_do(
    double: MiniMaxDouble, fault: Fault, kind: type[VoxportError], low_latency: bool
) -> None:
    double.faults.add(Fault(**fault.__dict__))
    with serve_app(double.app) as url:
        provider = adapter(url, read_timeout=0.3 if fault.hang else 120.0)
        with pytest.raises(kind) as failure:
            spoken(provider, NARRATOR, low_latency=low_latency)
        provider.close()
    assert_nothing_leaks(failure.value)
    assert sum(path == SPEECH for _, path in double.requests) == 1, "a call that may be billed was repeated"


def test_an_error_in_the_middle_of_a_stream_is_told(double: MiniMaxDouble, provider: MiniMax) -> None:
    double.faults.add(Fault(SPEECH, chunk_error=1008))
    with pytest.raises(OutcomeUnknown) as broken:
        spoken(provider, NARRATOR, TEXT * 5, low_latency=True)
    assert broken.value.details["provider_code"] == 1008


def test_codes_of_a_provider_that_is_down_open_the_breaker(double: MiniMaxDouble, provider: MiniMax) -> None:
    for _ in range(5):
        double.faults.add(failing(1024))
        with pytest.raises(ProviderUnavailable):
            spoken(provider, NARRATOR)
    assert "tried again in" in str(provider.unavailable_reason())


def test_a_stream_without_its_last_event_is_not_whole(double: MiniMaxDouble, provider: MiniMax) -> None:
    double.faults.add(Fault(SPEECH, truncate=0.6))
    with pytest.raises(OutcomeUnknown):
        spoken(provider, NARRATOR, TEXT * 5, low_latency=True)


# Limits and the account


def test_more_calls_than_it_takes_wait_and_all_are_served(double: MiniMaxDouble, provider: MiniMax) -> None:
    double.account.concurrency, double.account.latency = 3, 0.05
    failures: list[BaseException] = []

    def call() -> None:
        try:
            spoken(provider, NARRATOR)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(double.spoken) == 20


def test_a_group_id_goes_with_every_call(double: MiniMaxDouble) -> None:
    with serve_app(double.app) as url:
        provider = MiniMax(KEY, base_url=url, tag="t1", max_text_length=5_000, group_id="17")
        assert spoken(provider, NARRATOR).size
        provider.close()


def test_a_key_that_is_refused_is_a_reason(double: MiniMaxDouble, provider: MiniMax) -> None:
    assert provider.unavailable_reason() is None
    double.account.keys = {"another"}
    with serve_app(double.app) as url:
        other = adapter(url)
        assert "key" in str(other.unavailable_reason())
        other.close()


def test_lists_may_be_null(double: MiniMaxDouble, provider: MiniMax) -> None:
    double.account.sends_null_for_empty = double.account.sensitive_object = True
    assert clone(provider).provider_voice_id in double.voices
    assert provider.list_voices()


def assert_nothing_leaks(failure: VoxportError) -> None:
    told_of = f"{failure.message} {failure.details} {failure!r}"
    assert KEY not in told_of
    assert "127.0.0.1" not in told_of
