"""Computes speaker embeddings of 192 numbers with CAM++ (`scripts/build_campplus.py`).

CAM++ (Wang et al. 2023, arXiv 2303.00332) was trained on other speakers, with another network and other features than
the encoder of `speaker_encoder.py`: what one of them overlooks, the other hears. The cosine of two embeddings is 0.7 or
more for the same speaker and about 0.1 for different ones.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine_errors import SampleNotEnrollable

WINDOW_FRAMES: Final = 200
"""Frames of the largest window that the model takes: 2 s."""
STEP_FRAMES: Final = 100  # between two windows
# Kaldi's features at 16 kHz: frames of 25 ms every 10 ms, a transform of 512 samples. At 24 kHz the same frames have
# 600 samples, and a transform of 768 has the same frequencies up to 8 kHz.
FRAME_SIZE: Final = 600
FRAME_HOP: Final = 240
FFT_SIZE: Final = 768
BINS: Final = 257
POWER_SCALE: Final = (16_000 / 24_000) ** 2
"""Brings the power of a frame to that of the same frame at 16 kHz."""
POWER_FLOOR: Final = 1.1920929e-07
"""Kaldi's floor of a band's power: the epsilon of float32."""
_MELS: Final = 80
_MIN_HZ, _MAX_HZ = 20.0, 8_000.0
_PRE_EMPHASIS: Final = 0.97
_SILENCE_PEAK: Final = 1e-4  # -80 dBFS
_BATCH_WINDOWS: Final = 32
"""Windows encoded at a time, so that memory does not grow with the recording."""


class CampplusEncoder:
    """The encoder, loaded once: 28 MB."""

    def __init__(self, *, threads: int) -> None:
        model = (files("voxport.audio") / "assets" / "campplus.onnx").read_bytes()
        self._session = open_session(model, threads)

    def embed(self, audio: FloatArray) -> FloatArray:
        """The embedding, float32 [192] of length 1, of `audio` (float32 mono, 24 kHz): the mean of its windows. Its
        level does not matter. Raises SampleNotEnrollable if there is hardly any sound."""
        if audio.size < 10 * FRAME_SIZE or float(np.abs(audio).max()) < _SILENCE_PEAK:
            raise SampleNotEnrollable("The recording has no sound in which a speaker could be found.")
        windows = mel_windows(log_mels(audio))
        parts = [windows[start : start + _BATCH_WINDOWS] for start in range(0, len(windows), _BATCH_WINDOWS)]
        embeddings = np.concatenate([self._session.run(None, {"mels": part})[0] for part in parts])
        mean = embeddings.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def log_mels(audio: FloatArray) -> FloatArray:
    """The logarithms of 80 mel bands for each frame, float32 [frames, 80]."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME_SIZE)[::FRAME_HOP]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * povey_window()
    power = np.abs(np.fft.rfft(frames, FFT_SIZE, axis=1)[:, :BINS]) ** 2 * POWER_SCALE
    return np.asarray(np.log(np.maximum(power @ mel_filters().T, POWER_FLOOR)), np.float32)


def mel_windows(mels: FloatArray) -> FloatArray:
    """Cut [frames, 80] into windows of at most WINDOW_FRAMES, each band with mean 0: [windows, frames, 80]."""
    last = max(0, len(mels) - WINDOW_FRAMES)
    starts = sorted({*range(0, last, STEP_FRAMES), last})
    windows = np.stack([mels[start : start + WINDOW_FRAMES] for start in starts])
    return np.asarray(windows - windows.mean(axis=1, keepdims=True))


@cache
def povey_window() -> FloatArray:
    """Kaldi's window [600]: a Hann window to the power of 0.85."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SIZE) / (FRAME_SIZE - 1))
    return np.asarray(hann**0.85, np.float32)


@cache
def mel_filters() -> FloatArray:
    """Kaldi's triangles between equal steps of `1127 log(1 + f / 700)`, float32 [80, 257], with the pre-emphasis as a
    factor of power."""
    frequencies = np.arange(BINS) * 16_000 / 512
    points = np.linspace(_to_mel(_MIN_HZ), _to_mel(_MAX_HZ), _MELS + 2)
    low, centre, high = points[:-2, None], points[1:-1, None], points[2:, None]
    mels = _to_mel(frequencies)
    triangles = np.maximum(0.0, np.minimum((mels - low) / (centre - low), (high - mels) / (high - centre)))
    emphasis = np.abs(1 - _PRE_EMPHASIS * np.exp(-2j * np.pi * frequencies / 16_000)) ** 2
    return np.asarray(triangles * emphasis, np.float32)


def _to_mel(hz: FloatArray | float) -> FloatArray:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))
