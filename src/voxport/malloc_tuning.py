"""Keeps a process that handles audio in many threads small."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from typing import Final

# Numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_BLOCK_BYTES: Final = 2**20
_HEAPS: Final = 2
_REST_SECONDS: Final = 5.0


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


def trim_heaps() -> None:
    """Have glibc give the system what is free inside its heaps: by itself it gives back their ends only. Takes
    milliseconds, in which other threads wait for memory. Another C library is left as it is."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class RestTrim:
    """Trims the heaps once a process has rested for `rest_seconds`. All in one event loop."""

    def __init__(self, trim: Callable[[], None] = trim_heaps, *, rest_seconds: float = _REST_SECONDS) -> None:
        self._trim = trim
        self._rest_seconds = rest_seconds
        self._timer: asyncio.TimerHandle | None = None

    def on_idle(self) -> None:
        """The last long call has ended. Another one that ends puts the trim off again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._rest_seconds, self._start)

    def _start(self) -> None:
        threading.Thread(target=self._trim, name="trim", daemon=True).start()
