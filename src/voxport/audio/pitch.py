"""Estimates the pitch of a recording with YIN (de Cheveigné and Kawahara, 2002) and a path search over time.

In each frame, the lags at which the signal nearly repeats itself are candidates. The smoothest path through good
candidates corrects octave errors of single frames from their neighbours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import soxr

from voxport.audio.arrays import FloatArray

_RATE: Final = 6_000
_MIN_HZ, _MAX_HZ = 65.0, 500.0  # the range of speaking voices; mains hum is below
_MIN_LAG: Final = int(_RATE / _MAX_HZ)
_LAG_COUNT: Final = int(_RATE / _MIN_HZ) + 2
_WINDOW: Final = int(0.04 * _RATE)
_HOP: Final = int(0.01 * _RATE)
_MAX_CANDIDATES: Final = 5
_MAX_VOICED_DIFFERENCE: Final = 0.35
"""Maximum normalised difference (0: repeats exactly, 1: not at all) of a voiced frame."""
_OCTAVE_JUMP_COST: Final = 1.0
"""Cost of a jump of an octave or more between two frames, in units of the normalised difference. Smaller jumps cost
proportionally less."""
_LOWER_OCTAVE_COST: Final = 0.03
"""Cost of a candidate per octave below the highest pitch, because twice a period is also a period."""
_QUIET_RATIO: Final = 10 ** (-30 / 20)
"""Frames this far below the loud ones are skipped: their pitch is the room's."""
_BLOCK_FRAMES: Final = 500
"""Frames processed at a time, so that memory does not grow with the recording."""
_MIN_VOICED_FRAMES: Final = 15
"""Minimum number of voiced frames (10 ms each) for an estimate."""


def median_f0(audio: FloatArray, rate: int) -> float | None:
    """Returns the median pitch in Hz of `audio` (mono, `rate` Hz) over its voiced frames; None without a voice."""
    track = log_f0(audio, rate)
    return float(np.exp(np.median(track))) if track.size else None


def robust_deviation(log_values: FloatArray) -> float:
    """Returns the standard deviation of a normal distribution with the same interquartile range. Frames of creaky
    voice, read an octave too low, are outside that range."""
    low, high = np.percentile(log_values, [25, 75])
    return float(high - low) / 1.349


def log_f0(audio: FloatArray, rate: int) -> FloatArray:
    """Returns the natural logarithm of the pitch (Hz) of each voiced frame, 100 per second; empty without a voice."""
    frames = _loud_frames(np.asarray(soxr.resample(audio.astype(np.float32), rate, _RATE)))
    if not len(frames):
        return np.empty(0)
    blocks = [frames[start : start + _BLOCK_FRAMES] for start in range(0, len(frames), _BLOCK_FRAMES)]
    candidates = [_candidates(_normalised_difference(block)) for block in blocks]
    lags, costs = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
    rows, path = np.arange(len(lags)), _best_path(lags, costs)
    voiced = costs[rows, path] < _MAX_VOICED_DIFFERENCE
    values = np.log(_RATE / lags[rows, path][voiced])
    return values if values.size >= _MIN_VOICED_FRAMES else np.empty(0)


def _loud_frames(audio: FloatArray) -> FloatArray:
    """Returns the frames that are loud enough [n, window + lags]."""
    size = _WINDOW + _LAG_COUNT
    if audio.size < size:
        return np.empty((0, size))
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[::_HOP]
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    loudest = np.percentile(loudness, 95)
    return np.asarray(frames[(loudness > _QUIET_RATIO * loudest) & (loudness > 1e-4)], np.float64)


def _normalised_difference(frames: FloatArray) -> FloatArray:
    """Computes YIN's cumulative mean normalised difference, [n, lags]: 1 at lag 0, near 0 at a period."""
    size = 1 << int(np.ceil(np.log2(2 * frames.shape[1])))
    windows = np.fft.rfft(frames[:, :_WINDOW], size)
    spectra = np.fft.rfft(frames, size)
    product = np.fft.irfft(spectra * np.conj(windows), size)[:, :_LAG_COUNT]
    squares = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = squares[:, _WINDOW : _WINDOW + _LAG_COUNT] - squares[:, :_LAG_COUNT]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0.0)
    lags = np.arange(_LAG_COUNT)
    sums = np.cumsum(difference, axis=1)
    normalised = difference * lags / np.maximum(sums, 1e-12)
    normalised[:, 0] = 1.0
    return np.asarray(normalised)


def _candidates(difference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns (lags in samples, costs) of the deepest dips, each [n, 5]. A cost is the normalised difference plus the
    cost of a lower octave; a missing candidate costs 1."""
    middle = difference[:, 1:-1]
    dips = (middle < difference[:, :-2]) & (middle <= difference[:, 2:])
    dips[:, : _MIN_LAG - 1] = False
    depth = np.where(dips, middle + _LOWER_OCTAVE_COST * np.log2(np.arange(1, middle.shape[1] + 1) / _MIN_LAG), 1.0)
    best = np.argsort(depth, axis=1)[:, :_MAX_CANDIDATES]
    rows = np.arange(len(depth))[:, None]
    before, at, after = difference[rows, best], difference[rows, best + 1], difference[rows, best + 2]
    # The minimum of a dip is between samples: interpolate with a parabola through three of them.
    curvature = before - 2 * at + after
    shift = np.where(curvature > 1e-9, 0.5 * (before - after) / np.maximum(curvature, 1e-9), 0.0)
    return best + 1 + np.clip(shift, -0.5, 0.5), depth[rows, best]


def _best_path(lags: FloatArray, costs: FloatArray) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Returns for each frame the candidate on the cheapest path through all frames (Viterbi) [n]."""
    octaves = np.log2(lags)
    total, predecessors = costs[0], np.zeros(lags.shape, np.intp)
    for i in range(1, len(lags)):
        jumps = np.minimum(np.abs(octaves[i][:, None] - octaves[i - 1][None, :]), 1.0) * _OCTAVE_JUMP_COST
        totals = total[None, :] + jumps
        predecessors[i] = np.argmin(totals, axis=1)
        total = costs[i] + np.min(totals, axis=1)
    path = np.empty(len(lags), np.intp)
    path[-1] = np.argmin(total)
    for i in range(len(lags) - 1, 0, -1):
        path[i - 1] = predecessors[i, path[i]]
    return path
