"""Memory that calls needed is returned to the system after they end."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys

import pytest

from voxport.malloc_tuning import IdleTrimmer
from voxport.web.concurrency import ConcurrencyLimiter, ConcurrencyPermit

_FREE_INSIDE_A_HEAP = """
import ctypes
from pathlib import Path
from voxport.malloc_tuning import limit_malloc_growth, trim_heaps
limit_malloc_growth()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
blocks = [libc.malloc(100_000) for _ in range(1_000)]
for block in blocks: ctypes.memset(block, 1, 100_000)
for block in blocks[:-1]: libc.free(block)
before = resident()
trim_heaps()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc only")
def test_what_is_free_inside_a_heap_goes_back() -> None:
    command = [sys.executable, "-c", _FREE_INSIDE_A_HEAP]
    freed = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert freed > 80_000_000


def test_a_gate_tells_when_its_last_call_has_ended() -> None:
    results: list[int] = []

    async def run() -> None:
        limiter = ConcurrencyLimiter(capacity=2, wait_seconds=5, on_idle=lambda: results.append(limiter.available))
        first, second = await limiter.acquire_permit("a"), await limiter.acquire_permit("b")
        waiting = asyncio.ensure_future(limiter.acquire_permit("c"))
        await asyncio.sleep(0)
        first.release()
        second.release()
        assert results == []
        third: ConcurrencyPermit = await waiting
        third.abandon()
        assert results == [], "it goes on without its caller"
        third.release()

    asyncio.run(run())
    assert results == [2]


def test_the_heaps_are_trimmed_once_after_a_rest() -> None:
    trims: list[int] = []

    async def run() -> None:
        trimmed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def trim() -> None:
            trims.append(1)
            loop.call_soon_threadsafe(trimmed.set)

        rest = IdleTrimmer(trim, idle_seconds=0.05)
        for _ in range(5):
            rest.on_idle()
        await asyncio.wait_for(trimmed.wait(), 20)

    asyncio.run(run())
    assert trims == [1]
