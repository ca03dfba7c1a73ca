"""The long-term spectrum that the loss of the fit compares, and the voice's EQ, in PyTorch."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.kokoro.spectral_eq import (
    FFT_SIZE,
    LOUD_POWER_RATIO,
    POWER_FLOOR,
    filterbank,
    frequency_response,
    transform_size,
)

_SPECTRUM_HOP: Final = 256


class LongTermSpectrum:
    """The long-term spectrum: the mean over the loud frames of the logarithm of each mel band's power."""

    def __init__(self, *, max_hz: float) -> None:
        """Bands that reach above `max_hz` (the sample's bandwidth) are left out."""
        filters = filterbank()
        edges = np.linspace(0, SAMPLE_RATE / 2, filters.shape[1])
        bands = [band for band in filters if edges[np.flatnonzero(band)[-1]] <= max_hz]
        self._filters = torch.from_numpy(np.stack(bands).astype(np.float32))
        self._window = torch.hann_window(FFT_SIZE)

    def __call__(self, audio: Tensor) -> Tensor:
        """The spectrum [bands], natural logarithms. Its mean over the bands is subtracted, since the level is not part
        of the timbre."""
        spectrum = torch.stft(audio, FFT_SIZE, _SPECTRUM_HOP, FFT_SIZE, self._window, return_complex=True)
        power = self._filters @ (spectrum.real.square() + spectrum.imag.square())
        frame_power = power.sum(0)
        power = power[:, frame_power > frame_power.max() * LOUD_POWER_RATIO]
        mean = torch.log(power / power.sum(0).mean() + POWER_FLOOR).mean(1)
        return mean - mean.mean()


class SpectralEqFilter:
    """The EQ of `spectral_eq.py` as a differentiable filter."""

    def __init__(self, spectral_eq: FloatArray) -> None:
        self._spectral_eq = spectral_eq
        self._responses: dict[int, Tensor] = {}

    def __call__(self, audio: Tensor) -> Tensor:
        size = transform_size(audio.shape[0])
        if size not in self._responses:
            self._responses[size] = torch.from_numpy(frequency_response(self._spectral_eq, size))
        filtered: Tensor = torch.fft.irfft(torch.fft.rfft(audio, size) * self._responses[size], size)
        return filtered[: audio.shape[0]]
