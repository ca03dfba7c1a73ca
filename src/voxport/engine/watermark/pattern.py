"""The watermark's pattern: a sign for each cell of time and frequency. It repeats and is the same on every machine."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray

FRAME_SAMPLES: Final = 240
"""Samples, 10 ms: the time resolution of the detector's search for the start of the pattern."""
CELL_FRAMES: Final = 3
"""Frames per cell, 30 ms. Longer cells (40, 60 ms) gave less evidence in the same time: there are fewer per second, and
speech changes within them. Shorter cells (20 ms) were the first to be lost in noise."""
CELLS: Final = 64
"""Cells in time before the pattern repeats: 1.92 s."""
BANDS: Final = 30
BAND_HZ: Final = 187.5
MIN_HZ: Final = 328.125
"""Lower end of the bands, which reach to 5,953 Hz. Above that there is little speech, and codecs drop it."""
_KEY: Final = b"voxport watermark 1"
"""Not a secret, since every gateway must detect the marks of all others. Another key gives another pattern, which this
detector does not find."""


@cache
def pattern_signs() -> FloatArray:
    """The signs +1 and -1, float32 [CELLS, BANDS]: the bits of SHA-256 over the key and a counter."""
    count = CELLS * BANDS
    digests = b"".join(hashlib.sha256(_KEY + bytes([block])).digest() for block in range(-(-count // 256)))
    bits = np.unpackbits(np.frombuffer(digests, np.uint8))[:count]
    pattern = (2.0 * bits - 1.0).astype(np.float32).reshape(CELLS, BANDS)
    pattern.setflags(write=False)
    return pattern
