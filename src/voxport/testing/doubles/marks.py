"""Each voice of a double speaks the same recording with a mark of its own in it, so that a test hears who spoke.

A mark is 16 bits, each one of two soft tones between 8.2 and 11.6 kHz, where speech has little. mp3, Opus, another
sampling rate of 24 kHz or more, and another level leave them there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voxport.audio.arrays import SAMPLE_RATE

Audio = NDArray[np.float32]

_BITS: Final = 16
_LOWEST_HZ: Final = 8_200.0  # Hz
_STEP_HZ: Final = 110.0  # Hz between two tones
_PERIOD: Final = SAMPLE_RATE // 10  # samples: all tones are multiples of 10 Hz
_LEVEL: Final = 0.004  # of each tone; speech has about 0.1
_MIN_POWER_RATIO: Final = 4.0
"""How much stronger the tone of a bit has to be than the other one (in power), for the mark to be told."""


def mark_of(content: bytes) -> int:
    """The mark of the voice that is made from this sample."""
    return int.from_bytes(hashlib.sha256(content).digest()[:2], "big")


def marked(audio: Audio, mark: int) -> Audio:
    """`audio` (mono, 24 kHz) with the mark in it."""
    time = np.arange(_PERIOD) / SAMPLE_RATE
    tones = np.sum([np.sin(2 * np.pi * _frequency(bit, mark >> bit & 1) * time) for bit in range(_BITS)], axis=0)
    return np.asarray(audio + _LEVEL * np.resize(tones, audio.size), np.float32)


def identify(audio: NDArray[Any], rate: int = SAMPLE_RATE) -> int | None:
    """The mark in `audio` (mono, at `rate` Hz, half a second or more); None where there is none, or not a clear one."""
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
