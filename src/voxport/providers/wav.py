"""A sample as the file that a provider is sent."""

from __future__ import annotations

import io
import wave

import numpy as np

from voxport.providers.base import SAMPLE_RATE, Audio


def wav_file(audio: Audio) -> bytes:
    """16 bit, mono, 24 kHz. The same audio gives the same bytes."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes((np.clip(audio, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
    return file.getvalue()
