"""Running one function in many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_concurrently(count: int, work: Callable[[int], T]) -> list[T]:
    """Calls `work` with 0 to `count` - 1 in as many threads, which start together, and returns the results in order.
    Re-raises an exception of `work`."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> T:
        barrier.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))
