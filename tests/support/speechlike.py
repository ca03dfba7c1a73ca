"""A signal with the structure of speech, for tests that need no words: gliding pitch, formants, syllables, pauses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxport.audio.arrays import SAMPLE_RATE


def speechlike(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """float32 mono at 24 kHz, peak 0.5."""
    rng = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.4 * time + rng.uniform(0, 6)) + 8 * np.sin(2 * np.pi * 1.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros(count)
    for harmonic in range(1, 45):
        frequency = harmonic * pitch
        formants = sum(
            strength * np.exp(-(((frequency - middle * (1 + 0.2 * np.sin(2 * np.pi * rate * time))) / 250) ** 2))
            for middle, rate, strength in ((550, 1.3, 1.0), (1500, 2.1, 0.5), (2600, 0.9, 0.3), (4200, 1.1, 0.15))
        )
        sound += (formants + 0.02) * np.sin(harmonic * phase + rng.uniform(0, 6))
    sound += 0.05 * rng.standard_normal(count)
    syllables = np.clip(np.sin(2 * np.pi * 2.2 * time + rng.uniform(0, 6)) + 0.6, 0, 1)
    sound *= syllables
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)
