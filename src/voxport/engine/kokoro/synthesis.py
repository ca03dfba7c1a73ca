"""Defines what the engine makes of a chunk: its audio, and when each token is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from voxport.audio.arrays import FloatArray

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Synthesis:
    """The `audio` of a chunk, float32 [samples] at 24 kHz, and `token_starts` [tokens + 1], the sample at which each
    token starts, and where the last one ends."""

    audio: FloatArray
    token_starts: IntArray
