"""Decoded samples and log-mel spectra, to compare two recordings numerically."""

from __future__ import annotations

import subprocess

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.engine.kokoro.spectral_eq import filterbank


def log_mels(audio: FloatArray) -> FloatArray:
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::256] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return np.asarray(np.log(power @ filterbank().T + 1e-5))


def decoded(content: bytes) -> FloatArray:
    """The samples of an audio file: float32, mono, at 24 kHz."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", "-", "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, input=content, capture_output=True, check=True).stdout, "<f4")
