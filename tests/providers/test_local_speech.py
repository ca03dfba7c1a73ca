"""Speech of the local provider: pieces that join without a click, resume, and have equal loudness."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from voxport.engine import EngineProcess
from voxport.providers.base import SAMPLE_RATE, Piece, ResumeTokenInvalid, Utterance, VoiceRef
from voxport.providers.local import LocalProvider

pytestmark = pytest.mark.slow

TEXT = "The harbour was quiet.\n\nWho was he waiting for?\n\nHe closed the book, and went home."
VOICE = VoiceRef("af_heart")
JOINT = SAMPLE_RATE // 500
"""Samples on either side of a joint that are examined: 2 ms."""
MOST_AT_A_JOINT = 0.002
"""Largest step between adjacent samples at a joint, relative to full scale: 0.002 is -54 dBFS. Steps within speech are
a hundred times as large."""


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    provider = LocalProvider(
        EngineProcess(), EngineProcess, max_text_length=5000, sample_min_seconds=3, sample_max_seconds=60
    )
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def pieces(provider: LocalProvider) -> list[Piece]:
    return list(provider.speak(VOICE, Utterance(TEXT, "en-us")))


def test_pieces_join_without_a_click(pieces: list[Piece]) -> None:
    audio = np.concatenate([piece.audio for piece in pieces])
    steps = np.abs(np.diff(audio))
    joints = np.cumsum([piece.audio.size for piece in pieces])[:-1]
    assert len(joints) >= 2
    assert max(steps[joint - JOINT : joint + JOINT].max() for joint in joints) < MOST_AT_A_JOINT
    assert steps.max() > 20 * MOST_AT_A_JOINT


def test_a_speech_that_goes_on_behind_a_place_is_the_same_to_the_last_bit(
    provider: LocalProvider, pieces: list[Piece]
) -> None:
    rest = list(provider.speak(VOICE, Utterance(TEXT, "en-us", resume_from=pieces[0].resume_token)))
    assert [piece.resume_token for piece in rest] == [piece.resume_token for piece in pieces[1:]]
    assert rest[-1].progress == pieces[-1].progress == 1.0
    for one, other in zip(rest, pieces[1:], strict=True):
        np.testing.assert_array_equal(one.audio, other.audio)


def test_a_place_of_another_text_is_lost(provider: LocalProvider, pieces: list[Piece]) -> None:
    with pytest.raises(ResumeTokenInvalid):
        next(provider.speak(VOICE, Utterance(TEXT + " More.", "en-us", resume_from=pieces[0].resume_token)))


def test_twice_the_speed_takes_about_half_the_time_with_its_pauses(
    provider: LocalProvider, pieces: list[Piece]
) -> None:
    fast = sum(piece.audio.size for piece in provider.speak(VOICE, Utterance(TEXT, "en-us", {"speed": 2.0})))
    assert 0.4 < fast / sum(piece.audio.size for piece in pieces) < 0.65


def test_an_english_voice_speaks_spanish(provider: LocalProvider) -> None:
    (piece,) = provider.speak(VOICE, Utterance("Buenos días, ¿cómo está usted?", "es"))
    assert 1 < piece.audio.size / SAMPLE_RATE < 5
