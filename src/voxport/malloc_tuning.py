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
_MMAP_THRESHOLD_BYTES: Final = 2**20
_MAX_HEAPS: Final = 2
_IDLE_SECONDS: Final = 5.0


def limit_malloc_growth() -> None:
    """Have glibc take its memory from two heaps, and a large block from the system each time, to which it goes back.

    Left alone, glibc gives up to eight heaps per core to threads, and holds what they have once needed. What the server
    and the worker hold under load is what `benchmarks/reliability/soak.py` tells. Another C library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, _MAX_HEAPS)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def trim_heaps() -> None:
    """Have glibc give the system what is free inside its heaps: by itself it gives back their ends only. Takes
    milliseconds, in which other threads wait for memory. Another C library is left as it is."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class IdleTrimmer:
    """Trims the heaps once a process has rested for `idle_seconds`. All in one event loop."""

    def __init__(self, trim: Callable[[], None] = trim_heaps, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._trim = trim
        self._idle_seconds = idle_seconds
        self._timer: asyncio.TimerHandle | None = None

    def on_idle(self) -> None:
        """The last long call has ended. Another one that ends puts the trim off again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._trim_in_thread)

    def _trim_in_thread(self) -> None:
        threading.Thread(target=self._trim, name="trim", daemon=True).start()
