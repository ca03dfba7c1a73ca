"""Decodes formats without a container, which no decoder recognises by itself."""

from __future__ import annotations

import subprocess
from typing import Final

import imageio_ffmpeg
import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

_INPUTS: Final = {"pcm": "s16le", "ulaw": "mulaw", "alaw": "alaw"}
RAW_FORMATS: Final = tuple(_INPUTS)


def decoded_raw(content: bytes, name: str, sample_rate: int) -> FloatArray:
    """Return the samples at 24 kHz, full scale at ±1."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", _INPUTS[name], "-ar", str(sample_rate), "-ac", "1"]
    command += ["-i", "-", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, input=content, check=True, capture_output=True).stdout, "<f4")
