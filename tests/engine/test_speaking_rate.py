"""Measuring a speaker's rate, and setting a voice to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine
from voxport.engine.enrolment.speaking_rate import syllable_rate, with_speaking_rate

SENTENCES = ("She found a better answer in a small yellow book.", "We could hear the children laughing.")

HASTY_AND_CALM = ("en_vctk_p225/p225_023.flac", "en_libri_2609/2609-156975-0002.flac")


def pulsing(*, per_second: float, seconds: float = 4.0) -> FloatArray:
    """A tone that swells so many times per second."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * per_second * time)
    return np.asarray(0.3 * np.maximum(swell, 0.1) * np.sin(2 * np.pi * 600 * time), np.float32)


@pytest.mark.parametrize("per_second", [3.0, 4.5, 6.0])
def test_each_swell_of_the_loudness_is_a_syllable(per_second: float) -> None:
    assert syllable_rate(pulsing(per_second=per_second)) == pytest.approx(per_second, rel=0.06)


def test_a_long_pause_makes_nobody_slower() -> None:
    said = pulsing(per_second=4.0)
    with_pause = np.concatenate([said, np.zeros(2 * SAMPLE_RATE, np.float32), said])
    assert syllable_rate(with_pause) == pytest.approx(syllable_rate(said), rel=0.03)


@pytest.mark.parametrize("samples", [0, 100, SAMPLE_RATE])
def test_in_silence_nothing_is_counted(samples: int) -> None:
    assert syllable_rate(np.zeros(samples, np.float32)) is None


def test_more_is_counted_where_a_voice_speaks_faster(engine: Engine) -> None:
    voice = engine.stock_voice("am_michael")
    chunks = [engine.plan(text, "en-us")[0] for text in SENTENCES]
    slow, fast = (np.concatenate([engine.speak(chunk, voice, speed) for chunk in chunks]) for speed in (0.8, 1.2))
    assert (syllable_rate(slow) or 0.0) < 0.9 * (syllable_rate(fast) or 0.0)


def test_a_voice_takes_the_rate_of_its_speaker_within_limits(engine: Engine) -> None:
    voice = engine.stock_voice("am_michael")
    chunks = [engine.plan(text, "en-us")[0] for text in SENTENCES]
    rates = [
        with_speaking_rate(voice, chunks, engine._synthesizer, measured_rate=heard).rate
        for heard in (1.0, 4.0, 5.0, 20.0)
    ]
    assert rates[0] == 0.75
    assert rates[-1] == 1.25
    assert rates[0] < rates[1] < rates[2] < rates[3]
    assert with_speaking_rate(voice, chunks, engine._synthesizer, measured_rate=None) is voice


def test_a_voice_at_half_the_rate_speaks_for_twice_as_long(engine: Engine) -> None:
    voice = engine.stock_voice("am_michael")
    chunk = engine.plan(SENTENCES[0], "en-us")[0]
    usual, slow = engine.speak(chunk, voice), engine.speak(chunk, voice.with_rate(0.5))
    assert slow.size == pytest.approx(2 * usual.size, rel=0.15)
    assert slow.tolist() == engine.speak(chunk, voice, 0.5).tolist()


def test_who_reads_slowly_has_a_clone_that_speaks_slowly(
    engine: Engine, recording: Callable[[str], FloatArray]
) -> None:
    hasty, calm = (engine.enrol(recording(name), instant=True) for name in HASTY_AND_CALM)
    assert calm.rate < 0.9 * hasty.rate
