"""Detects the watermark without the original audio, its position in the pattern or its playback speed.

The statistic needs no model of speech. For any audio that was not made with the pattern, at most a share of exp(-z²/2)
of all possible patterns correlates with it as strongly as z (Hoeffding's inequality for random signs). This share
times the number of positions and speeds that were tried bounds the probability of a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.watermark.pattern import BAND_HZ, BANDS, CELL_FRAMES, CELLS, FRAME_SAMPLES, MIN_HZ, pattern_signs

MAX_FALSE_ALARM: Final = 1e-6
"""Audio counts as marked when the bound on the false alarm probability is at most this."""
_SPEEDS: Final = tuple(round(0.96 + 0.01 * step, 2) for step in range(9))
"""In a clip of a few seconds the mark is still detected at a speed error of 1 %; these steps leave at most 0.5 %."""
_MIN_SECONDS: Final = 0.25
_SILENCE_PEAK: Final = 1e-4
_WINDOW: Final = 512
_PERIOD_FRAMES: Final = CELLS * CELL_FRAMES
_FLOOR_DB: Final = -55.0
"""Relative to the loud parts, per band: softer parts have no influence."""
_NEIGHBOUR_FRAMES, _NEIGHBOUR_BANDS = 5, 2
"""The neighbours on each side whose mean is subtracted. The rest changes from cell to cell, as the mark does."""
_MAX_CONTRAST_DB: Final = 6.0
"""Limits the weight of a harmonic that comes and goes."""
_NOISE_QUANTILE, _NOISE_MARGIN = 0.1, 10.0
"""The noise of a band is this quantile of its energy. Energy at the margin, ten times the noise (10 dB), has half the
weight."""


@dataclass(frozen=True)
class Detection:
    """The result of a detection.

    `confidence` (0 to 1) is 0.5 when the false alarm probability is one in a million and higher when it is lower: 0.99
    is one in a hundred million. `watermarked` says whether it reaches 0.5. `strength` is z, the pattern's correlation
    in standard deviations of chance; unmarked audio has 3 to 6, and more when it is longer.
    """

    watermarked: bool
    confidence: float
    strength: float


def detect(audio: FloatArray, rate: int) -> Detection:
    """Detect whether this engine spoke `audio` (mono, `rate` in Hz). 60 s take about a second and 100 MB."""
    samples = np.nan_to_num(np.asarray(audio, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    if samples.size < _MIN_SECONDS * SAMPLE_RATE or float(np.abs(samples).max()) < _SILENCE_PEAK:
        return Detection(watermarked=False, confidence=0.0, strength=0.0)
    power = _power_spectra(samples)
    best, trial_count = 0.0, 0
    for speed in _SPEEDS:
        for contrasts in _contrasts(power, speed):
            strength, positions = _best_correlation(_at_original_speed(contrasts, speed))
            best, trial_count = max(best, strength), trial_count + positions
    # The exponent is limited so that exp() does not underflow.
    chance = min(1.0, trial_count * float(np.exp(-min(best**2 / 2, 600.0))))
    confidence = 1 / (1 + chance / MAX_FALSE_ALARM)
    return Detection(chance <= MAX_FALSE_ALARM, round(confidence, 6), round(best, 2))


def _power_spectra(samples: FloatArray) -> FloatArray:
    """Power spectra [frames, bins], float32."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::FRAME_SAMPLES]
    return np.asarray(np.abs(np.fft.rfft(frames * window, axis=1)) ** 2, np.float32)


def _contrasts(power: FloatArray, speed: float) -> tuple[FloatArray, FloatArray]:
    """Two contrast maps, each [frames, BANDS]: how much louder each point is than its neighbours, in dB; and the same
    with little weight on points near the band's noise, which detects marks in noise that the first one misses."""
    energies = power @ _band_shares(speed)
    loud = float(np.quantile(energies.sum(axis=1), 0.95)) / BANDS
    levels = 10 * np.log10(energies + loud * 10 ** (_FLOOR_DB / 10) + 1e-20)
    levels = levels - _local_mean(levels, _NEIGHBOUR_FRAMES)
    levels = levels - _local_mean(levels.T, _NEIGHBOUR_BANDS).T
    levels = np.clip(levels, -_MAX_CONTRAST_DB, _MAX_CONTRAST_DB)
    noise = np.quantile(energies, _NOISE_QUANTILE, axis=0)
    return levels, levels * (energies / (energies + _NOISE_MARGIN * noise + 1e-20))


@cache
def _band_shares(speed: float) -> FloatArray:
    """The share of each bin in each band of the pattern, [bins, BANDS], for audio played `speed` times as fast."""
    half = SAMPLE_RATE / _WINDOW / 2
    centres = np.arange(_WINDOW // 2 + 1)[:, None] * 2 * half
    lower = (MIN_HZ + BAND_HZ * np.arange(BANDS)) * speed
    overlap = np.minimum(lower + BAND_HZ * speed, centres + half) - np.maximum(lower, centres - half)
    return np.asarray(np.clip(overlap, 0.0, None) / (2 * half), np.float32)


def _local_mean(values: FloatArray, reach: int) -> FloatArray:
    """The mean of each row and up to `reach` rows on each side."""
    count = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = np.maximum(np.arange(count) - reach, 0)
    last = np.minimum(np.arange(count) + reach + 1, count)
    return np.asarray((sums[last] - sums[first]) / (last - first)[:, None])


def _at_original_speed(contrasts: FloatArray, speed: float) -> FloatArray:
    """Resample the frames to a speed of 1."""
    if speed == 1.0 or len(contrasts) < 2:
        return contrasts
    positions = np.arange(int((len(contrasts) - 1) * speed) + 1) / speed
    before = np.minimum(positions.astype(int), len(contrasts) - 2)
    fraction = (positions - before)[:, None]
    return np.asarray(contrasts[before] * (1 - fraction) + contrasts[before + 1] * fraction)


def _best_correlation(contrasts: FloatArray) -> tuple[float, int]:
    """Return the largest z over all offsets of the pattern and all segments of the audio, and the number of trials.

    The periods of a segment are summed, then correlated with the pattern at each offset."""
    periods = -(-len(contrasts) // _PERIOD_FRAMES)
    padded = np.zeros((periods * _PERIOD_FRAMES, BANDS))
    padded[: len(contrasts)] = contrasts
    sums = np.cumsum(padded.reshape(periods, _PERIOD_FRAMES, BANDS), axis=0)
    sums = np.concatenate([np.zeros((1, _PERIOD_FRAMES, BANDS)), sums])
    best, trial_count = 0.0, 0
    for length in sorted({periods, *(2**power for power in range(6) if 2**power < periods)}):
        for first in range(0, periods - length + 1, max(1, length // 2)):
            best = max(best, _max_correlation(sums[first + length] - sums[first]))
            trial_count += _PERIOD_FRAMES
    return best, trial_count


def _max_correlation(folded: FloatArray) -> float:
    """The largest z of one period [_PERIOD_FRAMES, BANDS] over all offsets of the pattern."""
    around = np.concatenate([np.zeros((1, BANDS)), np.cumsum(np.concatenate([folded, folded[:CELL_FRAMES]]), axis=0)])
    cells = (around[CELL_FRAMES:][:_PERIOD_FRAMES] - around[:_PERIOD_FRAMES]).reshape(CELLS, CELL_FRAMES, BANDS)
    products = np.einsum("fsb,fb->fs", np.fft.rfft(cells, axis=0), _conjugate_spectrum())
    sums = np.fft.irfft(products, CELLS, axis=0)
    deviations = np.sqrt(np.sum(cells**2, axis=(0, 2))) + 1e-9
    return float((sums / deviations).max())


@cache
def _conjugate_spectrum() -> FloatArray:
    return np.asarray(np.conj(np.fft.rfft(pattern_signs(), axis=0)))
