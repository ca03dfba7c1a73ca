"""Keeps a process that handles audio in many threads small."""

from __future__ import annotations

import ctypes
from typing import Final

# Numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_BLOCK_BYTES: Final = 2**20
_HEAPS: Final = 2


def keep_small() -> None:
    """Have glibc take its memory from two heaps, and a large block from the system each time, to which it goes back.

    Left alone, glibc gives up to eight heaps per core to threads, and holds what they have once needed. What the server
    and the worker hold under load is what `benchmarks/soak.py` tells. Another C library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, _HEAPS)
    mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _BLOCK_BYTES)
