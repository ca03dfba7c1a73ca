"""How many threads the fit computes with: all of its own on a machine that has room, one beside other work.

The threads of one operation wait for each other, a thousand times in a step. Where one of them is kept from its core,
all are as slow as that one: beside two processes that compute, a fit with two threads takes three to ten times as long
as alone, one with a single thread twice (`benchmarks/speed/priority.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

ThreadTimes = dict[str, tuple[int, int]]
"""By thread: nanoseconds on a core, and nanoseconds ready to run without one."""

_MAX_WAIT_RATIO: Final = 0.2
"""Share of the time in which the threads could run and had no core, from which on the machine has no room. Two threads
on two cores measured 0.01 to 0.15 alone, and 0.37 and more beside one process that computes."""
_MIN_CALM_STEPS: Final = 2
"""Steps without contention before more threads are tried; twice as many after each try that failed."""


def scheduling_times() -> ThreadTimes:
    """Of this process's threads, by the kernel's count (/proc/PID/task/TID/schedstat); empty where there is none."""
    times = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            running_ns, waiting_ns, _ = path.read_text().split()
        except (OSError, ValueError):
            continue
        times[path.parent.name] = (int(running_ns), int(waiting_ns))
    return times


class ThreadCount:
    """Chooses PyTorch's number of threads, after each step from what that step met."""

    def __init__(
        self,
        max_threads: int,
        *,
        times: Callable[[], ThreadTimes] = scheduling_times,
        set_threads: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        """The first choice is by what the process has met since it started."""
        self._max_threads = max_threads
        self._read_times = times
        self._set_threads = set_threads
        self._last_times: ThreadTimes = {}
        self._count = 0
        self._calm_steps = 0
        self._calm_steps_needed = _MIN_CALM_STEPS
        self._choose(1 if self._is_contended() else max_threads)

    def adapt(self) -> None:
        """Choose for the next step; called after each."""
        if self._is_contended():
            if self._count > 1:
                self._choose(1)
            self._calm_steps = 0
            return
        self._calm_steps += 1
        if self._count < self._max_threads and self._calm_steps >= self._calm_steps_needed:
            self._calm_steps_needed *= 2
            self._choose(self._max_threads)

    def _choose(self, count: int) -> None:
        self._count, self._calm_steps = count, 0
        self._set_threads(count)

    def _is_contended(self) -> bool:
        """Since the last look."""
        now, last = self._read_times(), self._last_times
        running_ns = sum(ran - last.get(thread, (0, 0))[0] for thread, (ran, _) in now.items())
        waiting_ns = sum(waited - last.get(thread, (0, 0))[1] for thread, (_, waited) in now.items())
        self._last_times = now
        return waiting_ns > _MAX_WAIT_RATIO * (waiting_ns + running_ns)
