"""Removes the DC offset, rumble and mains hum from a recording."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

_RUMBLE_HZ: Final = (25.0, 45.0)  # removed below the first, kept above the second; the lowest voices start at 75
_MAINS_HZ: Final = (50.0, 60.0)
_HARMONICS: Final = 10
_WINDOW: Final = 8_192  # 0.34 s: a resolution of 3 Hz
# A line is hum if it stands out from its neighbours even in the softest frames, in which nobody speaks.
_QUIET_PERCENTILE: Final = 10  # per cent of the frames
_MIN_LINE_DB: Final = 12.0
_MIN_LINES: Final = 2
_AUDIBLE_RANGE_DB: Final = 10.0
"""How far the strongest line may be below the strongest frequency of the voice. Many good recordings have fainter hum,
and removing it harms the voice more than the hum does."""
_LINE_HALF_WIDTH_HZ: Final = 4.0
_NEIGHBOURHOOD_HZ: Final = 20.0
_NOTCH_HALF_WIDTH_HZ: Final = 1.5
"""Half the width of a notch. A voice that glides through one loses nothing audible."""


def without_hum(audio: FloatArray) -> tuple[FloatArray, float | None]:
    """Removes the DC offset, rumble and hum from `audio` (float32 mono, 24 kHz), at the same length. Also returns the
    mains frequency (Hz), or None if there was no hum."""
    if not audio.size:
        return np.zeros(0, np.float32), None
    mains_hz, lines = _find_hum(audio)
    size = 1 << int(np.ceil(np.log2(audio.size + SAMPLE_RATE)))  # a second of zeros, as the filter is circular
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    low, high = _RUMBLE_HZ
    gains = 0.5 - 0.5 * np.cos(np.pi * np.clip((hz - low) / (high - low), 0.0, 1.0))
    for line in lines:
        gains *= np.clip((np.abs(hz - line) - _NOTCH_HALF_WIDTH_HZ) / _NOTCH_HALF_WIDTH_HZ, 0.0, 1.0)
    centred = audio - audio.mean(dtype=np.float64)
    return np.asarray(np.fft.irfft(np.fft.rfft(centred, size) * gains, size)[: audio.size], np.float32), mains_hz


def _find_hum(audio: FloatArray) -> tuple[float | None, list[float]]:
    """Returns the mains frequency and its audible lines (Hz), or (None, [])."""
    if audio.size < 4 * _WINDOW:
        return None, []
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[:: _WINDOW // 4]
    power = np.abs(np.fft.rfft(frames * np.blackman(_WINDOW), axis=1)) ** 2
    levels = 10 * np.log10(np.percentile(power, _QUIET_PERCENTILE, axis=0) + 1e-12)
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    loud = 10 * np.log10(np.percentile(power, 90, axis=0) + 1e-12)
    voice = loud[(hz > _RUMBLE_HZ[1]) & (hz < _HARMONICS * max(_MAINS_HZ))].max()
    for mains_hz in _MAINS_HZ:
        lines = [mains_hz * k for k in range(1, _HARMONICS + 1) if _stands_out(levels, hz, mains_hz * k)]
        if len(lines) >= _MIN_LINES and max(_level(levels, hz, line) for line in lines) > voice - _AUDIBLE_RANGE_DB:
            return mains_hz, lines
    return None, []


def _stands_out(levels: FloatArray, hz: FloatArray, line: float) -> bool:
    distance = np.abs(hz - line)
    background = float(np.median(levels[(distance > 2 * _LINE_HALF_WIDTH_HZ) & (distance < _NEIGHBOURHOOD_HZ)]))
    return _level(levels, hz, line) > background + _MIN_LINE_DB


def _level(levels: FloatArray, hz: FloatArray, line: float) -> float:
    return float(levels[np.abs(hz - line) < _LINE_HALF_WIDTH_HZ].max())
