"""Measuring the pitch of audio, and setting a voice's pitch."""

from __future__ import annotations

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.pitch import log_f0, median_f0
from voxport.engine import Engine
from voxport.engine.kokoro.synthesizer import scale_pitch_curve


def semitones(one: float, other: float) -> float:
    return float(abs(12 * np.log2(one / other)))


@pytest.mark.parametrize("hertz", [75.0, 110.0, 180.0, 260.0, 400.0])
@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_the_pitch_of_a_buzz_is_found_at_any_rate(hertz: float, rate: int) -> None:
    time = np.arange(rate) / rate
    buzz = sum(np.sin(2 * np.pi * hertz * k * time + k) / k for k in range(1, 12))
    found = median_f0(0.1 * np.asarray(buzz), rate)
    assert found is not None
    assert semitones(found, hertz) < 0.1


def test_a_weak_fundamental_does_not_fool_it_by_an_octave() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(a * np.sin(2 * np.pi * 120 * k * time) for k, a in [(1, 0.05), (2, 1.0), (3, 0.4), (4, 0.5)])
    found = median_f0(0.1 * np.asarray(buzz), SAMPLE_RATE)
    assert found is not None
    assert semitones(found, 120) < 0.1


def test_the_hum_of_the_mains_between_the_words_is_not_a_voice() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 115 * k * time + k) / k for k in range(1, 12))
    speaks = (time % 1.0) < 0.6
    found = log_f0(0.1 * np.asarray(buzz) * speaks + 0.02 * np.sin(2 * np.pi * 60 * time), SAMPLE_RATE)
    assert np.exp(found.min()) > 100


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(SAMPLE_RATE),
        np.random.default_rng(1).normal(0, 0.1, 2 * SAMPLE_RATE),
        np.zeros(0),
        np.ones(100),
    ],
    ids=["silence", "noise", "nothing", "too short"],
)
def test_where_there_is_no_voice_there_is_no_pitch(audio: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    assert median_f0(audio, SAMPLE_RATE) is None


def test_a_curve_is_shaped_over_voiced_frames_only_and_not_at_all_by_neutral_numbers() -> None:
    curve = np.array([[0.0, -3.0, 5.0, 100.0, 200.0]], np.float32)
    assert scale_pitch_curve(curve, offset=0.0, slope=1.0) is curve
    octave_up = scale_pitch_curve(curve, offset=float(np.log(2)), slope=1.0)
    np.testing.assert_allclose(octave_up, [[0.0, -3.0, 5.0, 200.0, 400.0]], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voice_id", "target"),
    [
        ("af_heart", 160.0),
        ("af_heart", 230.0),
        ("am_adam", 95.0),
        ("am_adam", 135.0),
        ("bm_george", 115.0),
        ("if_sara", 210.0),
    ],
)
def test_a_stock_voice_speaks_at_the_pitch_it_is_given(engine: Engine, voice_id: str, target: float) -> None:
    texts = ["The rain fell softly on the roof.", "Nobody knew why."]
    chunks = [engine.plan(text, "en-us")[0] for text in texts]
    voice = engine.with_median_f0(engine.stock_voice(voice_id), target, chunks=chunks)
    heard = median_f0(np.concatenate([engine.speak(chunk, voice) for chunk in chunks]), SAMPLE_RATE)
    assert heard is not None
    assert semitones(heard, target) < 0.3
