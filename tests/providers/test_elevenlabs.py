"""The ElevenLabs adapter against the double, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from starlette.requests import Request

from tests.providers.conftest import TurnedTime
from voxport.errors import (
    Invalid,
    OutcomeUnknown,
    ProviderBusy,
    ProviderFailed,
    ProviderUnavailable,
    SampleUnusable,
    SlotsFull,
    VoiceLost,
    VoxportError,
)
from voxport.providers.base import SAMPLE_RATE, Audio, ClonedVoice, ResumeTokenInvalid, Utterance, VoiceRef
from voxport.providers.elevenlabs import ElevenLabs
from voxport.testing.doubles import ElevenLabsDouble, Fault, identify, serve_app
from voxport.testing.doubles.elevenlabs import ElevenLabsVoice
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize

KEY = "xi-very-secret"
TEXT = "The ferry leaves the island at seven in the morning."
SPEECH = "/v1/text-to-speech"
RACHEL = VoiceRef("21m00Tcm4TlvDq8ikWAM")


@pytest.fixture
def double() -> ElevenLabsDouble:
    synthesize("Made once, so that no first call waits for it.", 0)
    created = ElevenLabsDouble()
    created.account.keys = {KEY: ALL_SCOPES}
    return created


@pytest.fixture
def provider(double: ElevenLabsDouble) -> Iterator[ElevenLabs]:
    with serve_app(double.app) as url:
        opened = adapter(url)
        yield opened
        opened.close()


def adapter(
    url: str, *, timeout: float = 120.0, tag: str = "t1", longest: int = 5_000, read_timeout: float = 120.0
) -> ElevenLabs:
    return ElevenLabs(
        KEY,
        base_url=url,
        tag=tag,
        max_text_length=longest,
        timeout=timeout,
        read_timeout=read_timeout,
        lookup_delays=(0.0, 0.0, 0.0),
    )


@cache
def sample(pitch: float = 120.0) -> Audio:
    time = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    return (0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def clone(provider: ElevenLabs, voice_id: str = "voice1", *, pitch: float = 120.0) -> ClonedVoice:
    return provider.clone(sample(pitch), voice_id=voice_id, instant=False, on_progress=lambda _: None)


def spoken(provider: ElevenLabs, voice: VoiceRef, text: str = TEXT, *, low_latency: bool = False) -> Audio:
    return np.concatenate(
        [piece.audio for piece in provider.speak(voice, Utterance(text, "en", low_latency=low_latency))]
    )


# Voices


def test_a_clone_speaks_in_its_own_voice(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    for voice_id, pitch in (("voice1", 100.0), ("voice2", 150.0)):
        created = clone(provider, voice_id, pitch=pitch)
        heard = identify(spoken(provider, VoiceRef(created.provider_voice_id)))
        assert heard == double.voices[created.provider_voice_id].mark


def test_the_same_voice_asked_for_twice_is_made_once(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    assert clone(provider).provider_voice_id == clone(provider).provider_voice_id
    assert len(double.voices) == 1


def test_a_clone_whose_answer_is_lost_is_found_by_its_name(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.faults.add(Fault("/v1/voices/add", drop_response=True))
    created = clone(provider)
    assert list(double.voices) == [created.provider_voice_id]


def test_a_clone_that_was_never_made_is_made_again_once(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.faults.add(Fault("/v1/voices/add", dropped=True))
    assert list(double.voices) == [] and clone(provider).provider_voice_id in double.voices
    double.faults.add(Fault("/v1/voices/add", times=2, dropped=True))
    with pytest.raises(OutcomeUnknown):
        clone(provider, "voice2")
    assert len(double.voices) == 1


def test_where_nothing_can_be_looked_up_nothing_is_made_again(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    clone(provider, "other")
    double.faults.add(Fault("/v1/voices/add", drop_response=True))
    double.faults.add(Fault("/v2/voices", times=1, delay_seconds=0.0))  # the lookup before the clone call
    double.faults.add(Fault("/v2/voices", times=3, status=503, body=None))
    with pytest.raises(OutcomeUnknown):
        clone(provider)
    assert sum(path == "/v1/voices/add" for _, path in double.requests) == 2


def test_a_voice_that_comes_late_is_waited_for_and_not_made_twice(
    double: ElevenLabsDouble, provider: ElevenLabs
) -> None:
    double.faults.add(Fault("/v1/voices/add", drop_response=True))
    double.lists_hide_until = float("inf")
    lookup_delays = 0

    def watch(request: Request, when: str) -> None:
        nonlocal lookup_delays
        lookup_delays += (request.url.path, when) == ("/v2/voices", "before")
        if lookup_delays == 4:  # one before the clone call, and two that find nothing
            double.lists_hide_until = 0.0

    double.on_request = watch
    created = clone(provider)
    assert lookup_delays == 4
    assert list(double.voices) == [created.provider_voice_id]


def test_a_protected_speaker_whose_answer_is_lost_is_refused_too(
    double: ElevenLabsDouble, provider: ElevenLabs
) -> None:
    double.account.requires_verification = True
    double.faults.add(Fault("/v1/voices/add", drop_response=True))
    with pytest.raises(SampleUnusable, match="protected"):
        clone(provider)
    assert double.voices == {}


def test_deleting_a_voice_that_is_gone_is_no_error(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    reference = VoiceRef(clone(provider).provider_voice_id)
    provider.delete(reference)
    assert double.voices == {}
    provider.delete(reference)
    double.faults.add(Fault("/v1/voices", times=3, status=503, body=None))
    with pytest.raises(ProviderUnavailable):
        provider.delete(reference)


def test_only_the_voices_of_everybody_are_listed(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    clone(provider)
    voices = {voice.voice_id: voice for voice in provider.list_voices()}
    assert set(voices) == set(double.premade)
    assert voices[RACHEL.provider_voice_id].gender == "female"


def test_a_gateway_knows_its_own_voices_among_others(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.voice_limit = 200
    mine = clone(provider).provider_voice_id
    for number in range(118):  # more than a page
        double.voices[f"v{number}"] = ElevenLabsVoice(
            f"v{number}", f"voxport t1 voice1{number}", "cloned", 1, {}, None, 0
        )
    another = clone(provider, "voice2").provider_voice_id
    with serve_app(double.app) as url:
        clone(adapter(url, tag="t2"), "voice1")
    assert len(double.voices) == 121
    provider.forget("voice1")
    assert mine not in double.voices
    assert another in double.voices
    assert len(double.voices) == 120


def test_a_protected_speaker_is_refused_and_leaves_no_voice(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.requires_verification = True
    with pytest.raises(SampleUnusable, match="protected"):
        clone(provider)
    assert double.voices == {}


# Speech


def test_speech_is_as_loud_as_all_and_as_long_as_it_was_made(provider: ElevenLabs) -> None:
    audio = spoken(provider, RACHEL)
    assert audio.dtype == np.float32
    assert audio.size / SAMPLE_RATE == pytest.approx(0.06 * len(TEXT), abs=0.4)
    assert 0.05 < np.sqrt(np.square(audio).mean()) < 0.2


def test_a_stream_has_the_same_voice_and_comes_in_pieces(provider: ElevenLabs) -> None:
    pieces = list(provider.speak(RACHEL, Utterance(TEXT * 3, "en", low_latency=True)))
    assert len(pieces) > 3
    whole = np.concatenate([piece.audio for piece in pieces])
    assert identify(whole) == identify(spoken(provider, RACHEL, TEXT * 3))
    assert whole.size / SAMPLE_RATE == pytest.approx(3 * 0.06 * len(TEXT), abs=0.2)


def test_a_long_text_is_spoken_in_parts_and_goes_on_where_it_stopped(double: ElevenLabsDouble) -> None:
    text = " ".join(f"This is sentence number {number} of a long text." for number in range(40))
    with serve_app(double.app) as url:
        provider = adapter(url, longest=500)
        pieces = list(provider.speak(RACHEL, Utterance(text, "en")))
        ends = [number for number, piece in enumerate(pieces) if piece.is_resumable]
        rest = list(provider.speak(RACHEL, Utterance(text, "en", resume_from=pieces[ends[1]].resume_token)))
        with pytest.raises(ResumeTokenInvalid):
            list(provider.speak(RACHEL, Utterance("Another text.", "en", resume_from=pieces[ends[1]].resume_token)))
        provider.close()
    assert [pieces[end].progress for end in ends] == [0.25, 0.5, 0.75, 1.0]
    assert [piece.audio.tobytes() for piece in rest] == [piece.audio.tobytes() for piece in pieces[ends[1] + 1 :]]
    assert len(double.spoken) == 6


def test_what_is_no_speech_between_paragraphs_is_not_sent(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    assert spoken(provider, RACHEL, "Chapter one.\n\n* * *\n\n😀\n\nIt was dark.").size
    assert len(double.spoken) == 2


def test_speech_goes_on_behind_a_part_and_not_inside_of_one(provider: ElevenLabs) -> None:
    pieces = [
        piece for piece in provider.speak(RACHEL, Utterance(TEXT * 3, "en", low_latency=True)) if piece.audio.size
    ]
    progresses = [piece.progress for piece in pieces]
    assert progresses == sorted(set(progresses))
    with pytest.raises(ResumeTokenInvalid):
        list(provider.speak(RACHEL, Utterance(TEXT * 3, "en", low_latency=True, resume_from=pieces[0].resume_token)))
    assert (
        list(provider.speak(RACHEL, Utterance(TEXT * 3, "en", low_latency=True, resume_from=pieces[-1].resume_token)))
        == []
    )


def test_who_listens_slowly_holds_no_place(double: ElevenLabsDouble) -> None:
    with serve_app(double.app) as url:
        provider = adapter(url, timeout=60.0)
        slow = [provider.speak(RACHEL, Utterance(TEXT * 3, "en", low_latency=True)) for _ in range(4)]
        for listener in slow:
            next(listener)
        assert spoken(provider, RACHEL).size
        for listener in slow:
            assert sum(piece.audio.size for piece in listener)
        provider.close()


def test_nothing_to_speak_is_told_without_a_call(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    with pytest.raises(Invalid):
        provider.check_text("… !?", "en")
    assert double.requests == []


# Errors

FAULTS: list[tuple[Fault, type[VoxportError]]] = [
    (Fault(SPEECH, drop_response=True), OutcomeUnknown),
    (Fault(SPEECH, reset=True), OutcomeUnknown),
    (Fault(SPEECH, hang=True), OutcomeUnknown),
    (Fault(SPEECH, truncate=0.05), ProviderFailed),
    (Fault(SPEECH, truncate=0.0), ProviderFailed),
    (Fault(SPEECH, replace={"detail": {"status": "quota_exceeded", "message": "x"}}), ProviderUnavailable),
    (Fault(SPEECH, replace={"foo": 1}), ProviderFailed),
    (Fault(SPEECH, status=500, body=None), OutcomeUnknown),
    (Fault(SPEECH, status=524, body="<html>", content_type="text/html"), OutcomeUnknown),
    (Fault(SPEECH, replace={"detail": [[[]]]}), ProviderFailed),
    (Fault(SPEECH, status=422, body={"detail": [{"loc": 5}]}), ProviderFailed),
    (Fault(SPEECH, status=400, body="[" * 100_000, content_type="application/json+"), ProviderFailed),
    (Fault(SPEECH, status=503, body="<html>", content_type="text/html"), ProviderUnavailable),
    (Fault(SPEECH, status=502, body="<html>", content_type="text/html"), OutcomeUnknown),
    (Fault(SPEECH, status=504, body=None), OutcomeUnknown),
    (Fault(SPEECH, status=403, body={"detail": "Forbidden"}), ProviderUnavailable),
    (Fault(SPEECH, status=402, body={"detail": {"code": "insufficient_credits"}}), ProviderUnavailable),
    (Fault(SPEECH, status=404, body={"detail": {"code": "voice_not_found"}}), VoiceLost),
    (Fault(SPEECH, status=400, body={"detail": {"status": "invalid_uid", "code": "bad_request"}}), VoiceLost),
    (Fault(SPEECH, status=400, body={"detail": {"status": "max_character_limit_exceeded"}}), Invalid),
    (Fault(SPEECH, status=422, body={"detail": [{"loc": ["body", "text"], "msg": "x"}]}), Invalid),
    (Fault(SPEECH, status=418, body={"detail": None}), ProviderFailed),
]


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize(("fault", "kind"), FAULTS)
def test_each_failure_is_told_as_what_the_caller_can_do(
    double: ElevenLabsDouble, fault: Fault, kind: type[VoxportError], low_latency: bool
) -> None:
    with serve_app(double.app) as url:
        provider = adapter(url, read_timeout=0.3 if fault.hang else 120.0)
        provider.capabilities()
        double.faults.add(Fault(**{**fault.__dict__, "times": 1}))
        with pytest.raises(kind) as failure:
            spoken(provider, RACHEL, low_latency=low_latency)
        provider.close()
    told_of = f"{failure.value.message} {failure.value.details} {failure.value!r}"
    assert KEY not in told_of
    assert "127.0.0.1" not in told_of
    assert sum(path.startswith(SPEECH) for _, path in double.requests) == 1, "a call that may be billed was repeated"


def test_a_wrong_setting_names_our_field(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    body = {"detail": [{"loc": ["body", "voice_settings", "speed"], "msg": "x", "type": "y"}]}
    double.faults.add(Fault(SPEECH, status=422, body=body))
    with pytest.raises(Invalid) as wrong:
        spoken(provider, RACHEL)
    assert wrong.value.location == ("body", "voice_settings", "speed")


def test_an_error_has_the_provider_s_own_id_of_the_request(provider: ElevenLabs) -> None:
    with pytest.raises(VoiceLost) as lost:
        spoken(provider, VoiceRef("abcdefghij0123456789"))
    assert len(lost.value.details["provider_request_id"]) == 32


def test_what_the_account_forbids_when_cloning(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.voice_limit = 0
    with pytest.raises(SlotsFull):
        clone(provider)
    double.account.can_clone = False
    with pytest.raises(ProviderUnavailable, match="plan"):
        clone(provider)
    assert provider.capabilities().supports_voice_cloning is False
    double.account.can_clone, double.account.voice_limit = True, 9
    broken = {"detail": {"code": "invalid_audio", "status": "invalid_content"}}
    double.faults.add(Fault("/v1/voices/add", status=400, body=broken))
    with pytest.raises(SampleUnusable):
        clone(provider)


# Limits


def test_more_calls_than_the_account_takes_wait_and_all_are_served(
    double: ElevenLabsDouble, provider: ElevenLabs
) -> None:
    double.account.concurrency, double.account.latency = 3, 0.05
    spoken(provider, RACHEL)
    failures: list[BaseException] = []

    def call() -> None:
        try:
            spoken(provider, RACHEL)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=call) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(double.spoken) == 25


@pytest.mark.parametrize("wait", ["7", None, "inf", "-1"])
def test_a_provider_that_stays_busy_says_when_to_come_again(
    double: ElevenLabsDouble, turned: TurnedTime, wait: str | None
) -> None:
    busy = {"detail": {"type": "rate_limit_error", "code": "system_busy"}}
    headers = {"Retry-After": wait} if wait else {}
    wait = wait if wait == "7" else None
    double.faults.add(Fault(SPEECH, times=99, status=429, body=busy, headers=headers))
    with serve_app(double.app) as url:
        provider = adapter(url, timeout=1.0)
        with pytest.raises(ProviderBusy) as failure:
            spoken(provider, RACHEL)
        provider.close()
    assert turned.now <= 1.0
    assert double.account.character_count == 0
    assert failure.value.headers["Retry-After"] == (wait or failure.value.headers["Retry-After"])
    assert double.spoken == []


def test_what_the_account_tells_of_its_limit_is_believed(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.sends_concurrency, double.account.concurrency = True, 7
    spoken(provider, RACHEL)
    assert provider._limiter.limit == 7


# The account


def test_the_account_tells_what_it_can(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    capabilities = provider.capabilities()
    assert capabilities.supports_voice_cloning
    assert "pl" in capabilities.languages
    assert provider.unavailable_reason() is None
    request_count = len(double.requests)
    provider.capabilities()
    provider.list_voices()
    assert len(double.requests) == request_count


def test_a_hiccup_of_the_account_takes_no_voice_away(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    assert len(provider.list_voices()) == 3
    double.faults.add(Fault("/v2/voices", times=3, status=429, body=None))
    request_count = len(double.requests)
    provider._facts.invalidate()
    while len(double.requests) < request_count + 1 or provider._facts._probing.locked():
        assert len(provider.list_voices()) == 3
        assert provider.unavailable_reason() is None
        time.sleep(0.001)
    assert len(provider.list_voices()) == 3
    assert provider.unavailable_reason() is None


def test_an_account_that_says_nonsense_harms_nobody(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    nonsense = {"voices": [{"voice_id": "a", "category": "premade", "labels": [1]}, 5], "next_page_token": 7}
    double.faults.add(Fault("/v2/voices", replace=nonsense))
    double.faults.add(Fault("/v1/user", replace=[]))
    double.faults.add(Fault("/v1/models", replace={"languages": 5}))
    assert [voice.voice_id for voice in provider.list_voices()] == ["a"]
    assert provider.capabilities().supports_voice_cloning


def test_pages_without_an_end_are_left(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    page = {"voices": [], "has_more": True, "next_page_token": "again"}
    double.faults.add(Fault("/v2/voices", times=1_000, replace=page))
    assert provider.list_voices() == []
    assert len(double.requests) < 10


def test_a_key_that_is_refused_is_a_reason(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.keys = {}
    assert provider.unavailable_reason() == "it refuses the key that is set"


def test_a_key_without_a_permission_says_which(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.keys = {KEY: frozenset({"text_to_speech"})}
    assert "voices_read" in str(provider.unavailable_reason())


def test_a_key_that_may_not_read_the_plan_speaks_all_the_same(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    double.account.keys = {KEY: ALL_SCOPES - {"user_read", "models_read"}}
    assert provider.unavailable_reason() is None
    assert spoken(provider, RACHEL).size


def test_failures_in_a_row_make_it_unavailable_for_a_while(double: ElevenLabsDouble, provider: ElevenLabs) -> None:
    provider.capabilities()
    double.faults.add(Fault(SPEECH, times=5, status=500, body=None))
    for _ in range(5):
        with pytest.raises(OutcomeUnknown):
            spoken(provider, RACHEL)
    assert "tried again in" in str(provider.unavailable_reason())
    request_count = len(double.requests)
    with pytest.raises(ProviderUnavailable):
        spoken(provider, RACHEL)
    assert len(double.requests) == request_count
