"""The pattern: a sign for each cell of time and frequency, the same on every machine, again and again."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray

FRAME_SAMPLES: Final = 240
"""Samples, 10 ms: the grain of time in which a detector looks for the beginning of the pattern."""
CELL_FRAMES: Final = 3
"""Frames of a cell. Longer ones (40, 60 ms) told less in the same time: a second holds fewer of them, and speech
moves within them. Shorter ones (20 ms) were the first to go in noise."""
CELLS: Final = 64
"""Cells in time until the pattern repeats, 1.92 s."""
BANDS: Final = 30
BAND_HZ: Final = 187.5
MIN_HZ: Final = 328.125
"""The bands reach from here to 5,953 Hz: above lies little speech, and codecs spend nothing on it."""
_KEY: Final = b"voxport watermark 1"
"""Not a secret: every gateway must know the mark of every other. Another key makes another mark, which this
detector does not find."""


@cache
def pattern_signs() -> FloatArray:
    """float32 [CELLS, BANDS] of +1 and -1: the bits of SHA-256 over the key and a counter."""
    count = CELLS * BANDS
    digests = b"".join(hashlib.sha256(_KEY + bytes([block])).digest() for block in range(-(-count // 256)))
    bits = np.unpackbits(np.frombuffer(digests, np.uint8))[:count]
    pattern = (2.0 * bits - 1.0).astype(np.float32).reshape(CELLS, BANDS)
    pattern.setflags(write=False)
    return pattern
