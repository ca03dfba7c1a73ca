"""Tests of synthesis: complete text, pieces, resumption, loudness, and no repetition."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from voxport.audio.loudness import gated_blocks, lufs
from voxport.errors import Invalid
from voxport.providers.base import SAMPLE_RATE, Audio, Piece, Provider, ResumeTokenInvalid, Utterance, VoiceRef

TEXT = "The ferry leaves the island at seven in the morning, and the whole village comes down to wave."
LONG = " ".join(f"This is the sentence with the number {number}, and it is one of many." for number in range(160))


def language(provider: Provider) -> str:
    return provider.capabilities().clone_language


def spoken_pieces(provider: Provider, voice: VoiceRef, text: str = TEXT, *, low_latency: bool = False) -> list[Piece]:
    return list(provider.speak(voice, Utterance(text, language(provider), low_latency=low_latency)))


@pytest.fixture(scope="session")
def short_pieces(provider: Provider, voice: VoiceRef) -> list[Piece]:
    """TEXT, spoken once for all tests that only examine it."""
    return spoken_pieces(provider, voice)


@pytest.fixture(scope="session")
def long_pieces(provider: Provider, voice: VoiceRef) -> list[Piece]:
    """Three times TEXT."""
    return spoken_pieces(provider, voice, TEXT * 3)


@pytest.fixture(scope="session")
def low_latency(provider: Provider, voice: VoiceRef) -> list[Piece]:
    """Three times TEXT with low latency, for a live listener."""
    return spoken_pieces(provider, voice, TEXT * 3, low_latency=True)


def joined(found: list[Piece]) -> Audio:
    return np.concatenate([piece.audio for piece in found])


def test_speech_is_mono_float_and_within_full_scale(short_pieces: list[Piece]) -> None:
    for piece in short_pieces:
        assert piece.audio.dtype == np.float32
        assert piece.audio.ndim == 1
        assert np.isfinite(piece.audio).all()
        assert np.abs(piece.audio).max(initial=0.0) <= 1.0


def test_a_sentence_takes_as_long_as_somebody_would(short_pieces: list[Piece]) -> None:
    seconds = joined(short_pieces).size / SAMPLE_RATE
    assert 0.03 * len(TEXT) < seconds < 0.15 * len(TEXT)


def test_it_is_as_loud_as_all_others(short_pieces: list[Piece]) -> None:
    energy = gated_blocks(joined(short_pieces))
    assert energy.size
    assert lufs(float(energy.mean())) == pytest.approx(-18.0, abs=1.0)


def test_the_shares_grow_to_the_whole(long_pieces: list[Piece], low_latency: list[Piece]) -> None:
    for found in (long_pieces, low_latency):
        progresses = [piece.progress for piece in found]
        assert progresses == sorted(progresses)
        assert progresses[0] > 0
        assert progresses[-1] == 1.0


def test_who_listens_already_hears_all_of_it_too(long_pieces: list[Piece], low_latency: list[Piece]) -> None:
    assert joined(low_latency).size == pytest.approx(joined(long_pieces).size, rel=0.2)
    assert low_latency[0].audio.size <= joined(long_pieces).size


def test_a_long_text_goes_on_behind_any_of_its_resumable_pieces(provider: Provider, voice: VoiceRef) -> None:
    first: list[Piece] = []
    spoken = provider.speak(voice, Utterance(LONG, language(provider)))
    for piece in spoken:
        first.append(piece)
        if len(first) > 1 and first[-2].is_resumable:
            break
    token = json.loads(json.dumps(first[-2].resume_token))
    again = next(provider.speak(voice, Utterance(LONG, language(provider), resume_from=token)))
    assert again.progress == pytest.approx(first[-1].progress, rel=0.1)
    assert again.audio.size == pytest.approx(first[-1].audio.size, rel=0.1)


def test_a_place_of_another_text_is_told_to_be_lost(
    provider: Provider, voice: VoiceRef, short_pieces: list[Piece]
) -> None:
    token = short_pieces[-1].resume_token
    with pytest.raises(ResumeTokenInvalid):
        list(provider.speak(voice, Utterance("Another text.", language(provider), resume_from=token)))


def test_a_listener_who_leaves_harms_nobody(provider: Provider, voice: VoiceRef) -> None:
    leaving = provider.speak(voice, Utterance(TEXT * 5, language(provider), low_latency=True))
    next(leaving)
    close = getattr(leaving, "close", None)
    if close is not None:
        close()
    assert spoken_pieces(provider, voice, "And the next one is served.")


def test_twice_the_speed_takes_about_half_as_long(
    provider: Provider, voice: VoiceRef, short_pieces: list[Piece]
) -> None:
    if "speed" not in provider.capabilities().voice_settings:
        pytest.skip("it has no speed")
    quick = list(provider.speak(voice, Utterance(TEXT, language(provider), {"speed": 2.0})))
    assert 0.35 < joined(quick).size / joined(short_pieces).size < 0.75


def test_several_may_speak_at_once(provider: Provider, voice: VoiceRef) -> None:
    sizes: list[int] = []
    threads = [
        threading.Thread(target=lambda: sizes.append(joined(spoken_pieces(provider, voice, "A short one.")).size))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sizes) == 4
    assert min(sizes) > 0


@pytest.mark.parametrize("text", ["…", "?!?", "  \n ", "😀"])
def test_nothing_to_speak_is_told_before_it_costs(provider: Provider, text: str) -> None:
    with pytest.raises(Invalid):
        provider.check_text(text, language(provider))


@pytest.mark.parametrize("text", ["Dr. Smith paid $3.50.", "naïve café — “quoted”", "x" * 150])
def test_what_people_write_is_spoken(provider: Provider, voice: VoiceRef, text: str) -> None:
    provider.check_text(text, language(provider))
    assert joined(spoken_pieces(provider, voice, text)).size > 0
