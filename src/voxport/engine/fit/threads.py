"""How many threads the fit computes with: all of its own on a machine that has room, one beside other work.

The threads of one operation wait for each other, a thousand times in a step. Where one of them is kept from its core,
all are as slow as that one: beside two processes that compute, a fit with two threads takes three to ten times as long
as alone, one with a single thread twice (`benchmarks/priority.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

Times = dict[str, tuple[int, int]]
"""By thread: nanoseconds on a core, and nanoseconds ready to run without one."""

_CONTENDED: Final = 0.2
"""Share of the time in which the threads could run and had no core, from which on the machine has no room. Two threads
on two cores measured 0.01 to 0.15 alone, and 0.37 and more beside one process that computes."""
_CALM_STEPS: Final = 2
"""Steps without contention before more threads are tried; twice as many after each try that failed."""


def scheduling_times() -> Times:
    """Of this process's threads, by the kernel's count (/proc/PID/task/TID/schedstat); empty where there is none."""
    times = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            on_core, waiting, _ = path.read_text().split()
        except (OSError, ValueError):
            continue
        times[path.parent.name] = (int(on_core), int(waiting))
    return times


class ThreadCount:
    """Chooses PyTorch's number of threads, after each step from what that step met."""

    def __init__(
        self,
        max_threads: int,
        *,
        times: Callable[[], Times] = scheduling_times,
        set_threads: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        """The first choice is by what the process has met since it started."""
        self._max = max_threads
        self._times = times
        self._set = set_threads
        self._last: Times = {}
        self._count = 0
        self._calm = 0
        self._needed = _CALM_STEPS
        self._choose(1 if self._is_contended() else max_threads)

    def adapt(self) -> None:
        """Choose for the next step; called after each."""
        if self._is_contended():
            if self._count > 1:
                self._choose(1)
            self._calm = 0
            return
        self._calm += 1
        if self._count < self._max and self._calm >= self._needed:
            self._needed *= 2
            self._choose(self._max)

    def _choose(self, count: int) -> None:
        self._count, self._calm = count, 0
        self._set(count)

    def _is_contended(self) -> bool:
        """Since the last look."""
        now, last = self._times(), self._last
        on_core = sum(ran - last.get(thread, (0, 0))[0] for thread, (ran, _) in now.items())
        waiting = sum(waited - last.get(thread, (0, 0))[1] for thread, (_, waited) in now.items())
        self._last = now
        return waiting > _CONTENDED * (waiting + on_core)
