"""Power spectra of a recording, some of its frames at a time: those of a minute take 50 MB at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

_BATCH_FRAMES: Final = 500
"""Frames in memory at once: 8 MB of 512 samples."""


def power_spectra(audio: npt.NDArray[np.float32], size: int, hop: int) -> Iterator[npt.NDArray[np.float64]]:
    """The power spectra of frames of `size` samples, every `hop` samples, Hann-windowed: arrays of
    [frames, size // 2 + 1], in order. What is shorter than a frame is filled up with silence."""
    padded = np.pad(audio, (0, max(0, size - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size)
    for start in range(0, len(frames), _BATCH_FRAMES):
        yield np.square(np.abs(np.fft.rfft(frames[start : start + _BATCH_FRAMES] * window, axis=1)))
