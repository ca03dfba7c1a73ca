"""Computes the power spectra of a recording in batches of frames, as those of a minute would take 50 MB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

_BATCH_FRAMES: Final = 500
"""Frames in memory at once: 8 MB for frames of 512 samples."""


def power_spectra(audio: npt.NDArray[np.float32], size: int, hop: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yields the power spectra of Hann-windowed frames of `size` samples, every `hop` samples, as arrays of
    [frames, size // 2 + 1], in order. Pads audio shorter than a frame with silence."""
    padded = np.pad(audio, (0, max(0, size - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size)
    for start in range(0, len(frames), _BATCH_FRAMES):
        yield np.square(np.abs(np.fft.rfft(frames[start : start + _BATCH_FRAMES] * window, axis=1)))
