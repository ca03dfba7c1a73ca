"""The pitch of a recording, by YIN (de Cheveigné and Kawahara, 2002) with a path over time: in each frame the lags at
which the signal nearly repeats itself are candidates, and the smoothest way through good ones is taken, so that a
frame whose period is read twice or by half is set right by its neighbours."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import soxr

from voxport.audio.arrays import Floats

_RATE: Final = 6_000
_LOWEST, _HIGHEST = 65.0, 500.0  # Hz, of speaking voices; the hum of the mains lies below
_SHORTEST: Final = int(_RATE / _HIGHEST)
_LAGS: Final = int(_RATE / _LOWEST) + 2
_WINDOW: Final = int(0.04 * _RATE)
_HOP: Final = int(0.01 * _RATE)
_CANDIDATES: Final = 5
_VOICED: Final = 0.35
"""The normalised difference (0: repeats exactly, 1: not at all) up to which a frame counts as voiced."""
_PER_OCTAVE: Final = 1.0
"""What a jump of an octave between two frames costs, in units of the normalised difference; at most this much."""
_LOWER_OCTAVE: Final = 0.03
"""What a candidate an octave lower costs: a period is also one when taken twice."""
_QUIET: Final = 10 ** (-30 / 20)
"""Frames this far under the loud ones are not asked: their pitch is the room's."""
_BLOCK: Final = 500
"""Frames worked on at a time, so that memory does not grow with the recording."""
_FEWEST: Final = 15
"""Voiced frames (10 ms each) below which there is no telling."""


def median_f0(audio: Floats, rate: int) -> float | None:
    """The median pitch in Hz of `audio` (mono, `rate` Hz) over its voiced frames; None without a voice in it."""
    track = log_f0(audio, rate)
    return float(np.exp(np.median(track))) if track.size else None


def spread(log_values: Floats) -> float:
    """The distance between the quartiles, as the deviation of a normal distribution that has the same: frames of
    creaky voice, heard an octave low, lie outside of it."""
    low, high = np.percentile(log_values, [25, 75])
    return float(high - low) / 1.349


def log_f0(audio: Floats, rate: int) -> Floats:
    """Natural logarithms of the pitch (Hz) of the voiced frames, 100 a second; empty without a voice."""
    frames = _frames(np.asarray(soxr.resample(audio.astype(np.float32), rate, _RATE)))
    if not len(frames):
        return np.empty(0)
    blocks = [frames[start : start + _BLOCK] for start in range(0, len(frames), _BLOCK)]
    found = [_candidates(_normalised_difference(block)) for block in blocks]
    lags, costs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    rows, path = np.arange(len(lags)), _smoothest(lags, costs)
    voiced = costs[rows, path] < _VOICED
    values = np.log(_RATE / lags[rows, path][voiced])
    return values if values.size >= _FEWEST else np.empty(0)


def _frames(audio: Floats) -> Floats:
    """The frames that are loud enough [n, window + lags]."""
    size = _WINDOW + _LAGS
    if audio.size < size:
        return np.empty((0, size))
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[::_HOP]
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    loudest = np.percentile(loudness, 95)
    return np.asarray(frames[(loudness > _QUIET * loudest) & (loudness > 1e-4)], np.float64)


def _normalised_difference(frames: Floats) -> Floats:
    """YIN's cumulative mean normalised difference, [n, lags]: 1 at lag 0, near 0 at a period."""
    size = 1 << int(np.ceil(np.log2(2 * frames.shape[1])))
    head = np.fft.rfft(frames[:, :_WINDOW], size)
    whole = np.fft.rfft(frames, size)
    product = np.fft.irfft(whole * np.conj(head), size)[:, :_LAGS]
    squares = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = squares[:, _WINDOW : _WINDOW + _LAGS] - squares[:, :_LAGS]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0.0)
    lags = np.arange(_LAGS)
    sums = np.cumsum(difference, axis=1)
    normalised = difference * lags / np.maximum(sums, 1e-12)
    normalised[:, 0] = 1.0
    return np.asarray(normalised)


def _candidates(difference: Floats) -> tuple[Floats, Floats]:
    """(lags in samples, normalised differences), each [n, 5], of the deepest dips; a missing one costs 1."""
    here = difference[:, 1:-1]
    dips = (here < difference[:, :-2]) & (here <= difference[:, 2:])
    dips[:, : _SHORTEST - 1] = False
    depth = np.where(dips, here + _LOWER_OCTAVE * np.log2(np.arange(1, here.shape[1] + 1) / _SHORTEST), 1.0)
    best = np.argsort(depth, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(depth))[:, None]
    before, at, after = difference[rows, best], difference[rows, best + 1], difference[rows, best + 2]
    # The bottom of a dip lies between samples: that of the parabola through three of them.
    bend = before - 2 * at + after
    shift = np.where(bend > 1e-9, 0.5 * (before - after) / np.maximum(bend, 1e-9), 0.0)
    return best + 1 + np.clip(shift, -0.5, 0.5), depth[rows, best]


def _smoothest(lags: Floats, costs: Floats) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Viterbi: for each frame the candidate on the cheapest path through all frames [n]."""
    octaves = np.log2(lags)
    total, came_from = costs[0], np.zeros(lags.shape, np.intp)
    for i in range(1, len(lags)):
        jumps = np.minimum(np.abs(octaves[i][:, None] - octaves[i - 1][None, :]), 1.0) * _PER_OCTAVE
        ways = total[None, :] + jumps
        came_from[i] = np.argmin(ways, axis=1)
        total = costs[i] + np.min(ways, axis=1)
    path = np.empty(len(lags), np.intp)
    path[-1] = np.argmin(total)
    for i in range(len(lags) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path
