"""Heaps of many threads do not stay with the process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_HEAPS_OF_MANY_THREADS = """
import ctypes, sys, threading
if sys.argv[1] == "small":
    from voxport.malloc_tuning import limit_malloc_growth
    limit_malloc_growth()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(24)
def need():
    together.wait()
    libc.malloc(ctypes.c_size_t(100_000))
    together.wait()
threads = [threading.Thread(target=need) for _ in range(24)]
for thread in threads: thread.start()
for thread in threads: thread.join()
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def heaps(how: str) -> int:
    command = [sys.executable, "-c", _HEAPS_OF_MANY_THREADS, how]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc only")
def test_threads_share_two_heaps() -> None:
    assert heaps("as it comes") > 2
    assert heaps("small") <= 2
