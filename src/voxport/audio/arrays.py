"""Defines the array types and the sample rate of all audio in Voxport."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

SAMPLE_RATE: Final = 24_000
"""Hz (Kokoro's own rate). All audio that passes between modules is mono at this rate."""

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""A numpy array of floats (float32 unless a docstring says otherwise) of any shape."""

Pcm = np.ndarray[Any, np.dtype[np.int16]]
"""16-bit mono samples at SAMPLE_RATE."""
