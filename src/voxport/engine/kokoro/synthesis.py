"""Defines what the engine makes of a chunk: its audio, and when each token and word is heard."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.kokoro.chunk import Chunk

_MAX_JOINED_SAMPLES: Final = SAMPLE_RATE // 10

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Synthesis:
    """The `audio` of a chunk, float32 [samples] at 24 kHz, and `token_starts` [tokens + 1], the sample at which each
    token starts, and where the last one ends."""

    audio: FloatArray
    token_starts: IntArray


def word_times(chunk: Chunk, spoken: Synthesis) -> list[tuple[float, float]]:
    """Return the start and end of each of the chunk's words, in seconds of its audio.

    The network gives the space between two words some frames, although they are spoken without a pause: such words meet
    in its middle. One that lasts 100 ms or more is a pause.
    """
    times = [[int(spoken.token_starts[word.start]), int(spoken.token_starts[word.end])] for word in chunk.words]
    for (one, ours), (other, theirs) in pairwise(zip(chunk.words, times, strict=True)):
        if other.start == one.end + 1 and 0 < theirs[0] - ours[1] < _MAX_JOINED_SAMPLES:
            ours[1] = theirs[0] = (ours[1] + theirs[0]) // 2
    return [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in times]
