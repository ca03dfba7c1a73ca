"""Tunes glibc's malloc to limit the memory of processes that handle audio in many threads."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from typing import Final

# Parameter numbers from glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_MMAP_THRESHOLD_BYTES: Final = 2**20
_MAX_HEAPS: Final = 2
_IDLE_SECONDS: Final = 5.0


def limit_malloc_growth() -> None:
    """Limit glibc to two heaps, and have it allocate large blocks with mmap, so that they are returned when freed.

    By default, glibc uses up to eight heaps per core and keeps the memory they once needed.
    `benchmarks/reliability/soak.py` measures the server's and the worker's memory under load. No effect on other C
    libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, _MAX_HEAPS)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def trim_heaps() -> None:
    """Return free memory inside glibc's heaps to the system; by itself, glibc returns only their ends. Takes
    milliseconds, during which other threads can't allocate. No effect on other C libraries."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class IdleTrimmer:
    """Trims the heaps once a process has been idle for `idle_seconds`. For use in one event loop."""

    def __init__(self, trim: Callable[[], None] = trim_heaps, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._trim = trim
        self._idle_seconds = idle_seconds
        self._timer: asyncio.TimerHandle | None = None

    def on_idle(self) -> None:
        """Schedule a trim, once the last long call has ended. A trim that is already scheduled is postponed."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._trim_in_thread)

    def _trim_in_thread(self) -> None:
        threading.Thread(target=self._trim, name="trim", daemon=True).start()
