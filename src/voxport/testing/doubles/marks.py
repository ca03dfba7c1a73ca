"""Marks the speech of each voice of a double, so that a test can identify the voice.

All voices speak the same recording. A mark has 16 bits; each is one of two quiet tones between 8.2 and 11.6 kHz, where
speech has little energy. Marks survive mp3, Opus, resampling to 24 kHz or more, and a change of level.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voxport.audio.arrays import SAMPLE_RATE

Audio = NDArray[np.float32]

_BITS: Final = 16
_LOWEST_HZ: Final = 8_200.0
_STEP_HZ: Final = 110.0  # between two tones
_PERIOD: Final = SAMPLE_RATE // 10  # samples; all tones are multiples of 10 Hz
_LEVEL: Final = 0.004  # amplitude of each tone; speech has about 0.1
_MIN_POWER_RATIO: Final = 4.0
"""Minimum power ratio between the two tones of a bit at which the bit counts as detected."""


def mark_of(content: bytes) -> int:
    """Return the mark of the voice that is cloned from this sample."""
    return int.from_bytes(hashlib.sha256(content).digest()[:2], "big")


def marked(audio: Audio, mark: int) -> Audio:
    """Return `audio` (mono, 24 kHz) with the mark added."""
    time = np.arange(_PERIOD) / SAMPLE_RATE
    tones = np.sum([np.sin(2 * np.pi * _frequency(bit, mark >> bit & 1) * time) for bit in range(_BITS)], axis=0)
    return np.asarray(audio + _LEVEL * np.resize(tones, audio.size), np.float32)


def identify(audio: NDArray[Any], rate: int = SAMPLE_RATE) -> int | None:
    """Return the mark in `audio` (mono, at `rate` Hz, at least half a second), or None if there is no clear one."""
    if audio.size < rate // 2:
        return None
    power = np.abs(np.fft.rfft(audio * np.hanning(audio.size))) ** 2
    hertz_per_bin = rate / audio.size

    def strength(bit: int, value: int) -> float:
        middle = _frequency(bit, value) / hertz_per_bin
        reach = max(2.0, 15.0 / hertz_per_bin)
        return float(power[int(middle - reach) : int(middle + reach) + 1].max(initial=0.0))

    mark = 0
    for bit in range(_BITS):
        off, on = strength(bit, 0), strength(bit, 1)
        if max(off, on) < _MIN_POWER_RATIO * min(off, on) or max(off, on) == 0.0:
            return None
        mark |= (on > off) << bit
    return mark


def _frequency(bit: int, value: int) -> float:
    return _LOWEST_HZ + _STEP_HZ * (2 * bit + value)
