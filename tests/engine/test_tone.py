"""The filter that gives a voice the speaker's long-term spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.engine.fit.losses import Tone
from voxport.engine.kokoro.spectral_eq import BANDS, matching, spectrum, toned


def noise(*, slope: float, seed: int = 1) -> Floats:
    """Four seconds whose power falls by `slope` decibels an octave."""
    white = np.fft.rfft(np.random.default_rng(seed).normal(size=4 * SAMPLE_RATE))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(4 * SAMPLE_RATE, 1 / SAMPLE_RATE), 50) / 1000)
    audio = np.fft.irfft(white * 10 ** (-slope * octaves / 20))
    return np.asarray(0.1 * audio / audio.std(), np.float32)


def distance(one: Floats, other: Floats) -> float:
    return float(np.abs(spectrum(one) - spectrum(other))[5:].mean())


def test_speech_is_given_the_spectrum_that_is_wanted() -> None:
    wanted, spoken = noise(slope=3), noise(slope=0, seed=2)
    tone = matching(spectrum(wanted), spectrum(spoken), bandwidth_hz=12_000)
    assert distance(wanted, spoken) > 0.4
    assert distance(wanted, toned(spoken, tone)) < 0.1


def test_it_stays_as_loud_and_as_long() -> None:
    spoken = noise(slope=0)
    tone = matching(spectrum(noise(slope=4)), spectrum(spoken), bandwidth_hz=12_000)
    changed = toned(spoken, tone)
    assert changed.dtype == np.float32
    assert changed.size == spoken.size
    assert np.square(changed).mean() == pytest.approx(np.square(spoken).mean(), rel=1e-4)


def test_above_the_recording_s_bandwidth_and_under_the_voice_nothing_is_changed() -> None:
    tone = matching(spectrum(noise(slope=9)), spectrum(noise(slope=0)), bandwidth_hz=3_400)
    assert not tone[-20:].any()
    assert abs(tone[0]) < abs(tone[8])


def test_no_band_is_moved_by_more_than_ten_decibels() -> None:
    tone = matching(spectrum(noise(slope=30)), spectrum(noise(slope=-30)), bandwidth_hz=12_000)
    assert 2.2 < np.abs(tone).max() <= 2.3


def test_a_voice_without_a_tone_is_left_as_it_is() -> None:
    spoken = noise(slope=0)
    assert toned(spoken, np.zeros(BANDS, np.float32)) is spoken


@pytest.mark.parametrize("samples", [0, 1, 500, 5_000])
def test_silence_and_very_short_audio_have_no_tone_and_take_one_without_harm(samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    assert not spectrum(silence).any()
    assert toned(silence, np.ones(BANDS, np.float32)).tolist() == silence.tolist()


def test_the_fit_hears_the_same_tone() -> None:
    spoken = noise(slope=0)
    tone = matching(spectrum(noise(slope=4)), spectrum(spoken), bandwidth_hz=12_000)
    fitted = Tone(tone)(torch.from_numpy(spoken)).numpy()
    ours = toned(spoken, tone)
    np.testing.assert_allclose(fitted * (ours.std() / fitted.std()), ours, atol=1e-4)
