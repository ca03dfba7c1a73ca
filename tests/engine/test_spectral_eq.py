"""The filter that gives a voice the speaker's long-term spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.fit.spectrum import SpectralEqFilter
from voxport.engine.kokoro.spectral_eq import EQ_BANDS, apply_spectral_eq, long_term_spectrum, matching_eq


def noise(*, slope: float, seed: int = 1) -> FloatArray:
    """Four seconds of noise whose power falls by `slope` dB per octave."""
    white = np.fft.rfft(np.random.default_rng(seed).normal(size=4 * SAMPLE_RATE))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(4 * SAMPLE_RATE, 1 / SAMPLE_RATE), 50) / 1000)
    audio = np.fft.irfft(white * 10 ** (-slope * octaves / 20))
    return np.asarray(0.1 * audio / audio.std(), np.float32)


def distance(one: FloatArray, other: FloatArray) -> float:
    return float(np.abs(long_term_spectrum(one) - long_term_spectrum(other))[5:].mean())


def test_speech_is_given_the_spectrum_that_is_wanted() -> None:
    wanted, spoken = noise(slope=3), noise(slope=0, seed=2)
    tone = matching_eq(long_term_spectrum(wanted), long_term_spectrum(spoken), bandwidth_hz=12_000)
    assert distance(wanted, spoken) > 0.4
    assert distance(wanted, apply_spectral_eq(spoken, tone)) < 0.1


def test_it_stays_as_loud_and_as_long() -> None:
    spoken = noise(slope=0)
    tone = matching_eq(long_term_spectrum(noise(slope=4)), long_term_spectrum(spoken), bandwidth_hz=12_000)
    changed = apply_spectral_eq(spoken, tone)
    assert changed.dtype == np.float32
    assert changed.size == spoken.size
    assert np.square(changed).mean() == pytest.approx(np.square(spoken).mean(), rel=1e-4)


def test_above_the_recording_s_bandwidth_and_under_the_voice_nothing_is_changed() -> None:
    tone = matching_eq(long_term_spectrum(noise(slope=9)), long_term_spectrum(noise(slope=0)), bandwidth_hz=3_400)
    assert not tone[-20:].any()
    assert abs(tone[0]) < abs(tone[8])


def test_no_band_is_moved_by_more_than_ten_decibels() -> None:
    tone = matching_eq(long_term_spectrum(noise(slope=30)), long_term_spectrum(noise(slope=-30)), bandwidth_hz=12_000)
    assert 2.2 < np.abs(tone).max() <= 2.3


def test_a_voice_without_a_tone_is_left_as_it_is() -> None:
    spoken = noise(slope=0)
    assert apply_spectral_eq(spoken, np.zeros(EQ_BANDS, np.float32)) is spoken


@pytest.mark.parametrize("samples", [0, 1, 500, 5_000])
def test_silence_and_very_short_audio_have_no_tone_and_take_one_without_harm(samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    assert not long_term_spectrum(silence).any()
    assert apply_spectral_eq(silence, np.ones(EQ_BANDS, np.float32)).tolist() == silence.tolist()


def test_the_fit_hears_the_same_tone() -> None:
    spoken = noise(slope=0)
    tone = matching_eq(long_term_spectrum(noise(slope=4)), long_term_spectrum(spoken), bandwidth_hz=12_000)
    fitted = SpectralEqFilter(tone)(torch.from_numpy(spoken)).numpy()
    ours = apply_spectral_eq(spoken, tone)
    np.testing.assert_allclose(fitted * (ours.std() / fitted.std()), ours, atol=1e-4)
