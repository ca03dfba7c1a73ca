"""Chooses the fit's number of threads: all that it may use on an idle machine, one beside other work.

The threads of an operation wait for each other, a thousand times in a step. When one of them has no core, all are as
slow as that one: beside two computing processes, a fit with two threads takes three to ten times as long as alone, a
fit with one thread twice as long (`benchmarks/speed/priority.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

ThreadTimes = dict[str, tuple[int, int]]
"""For each thread: (nanoseconds on a core, nanoseconds ready to run without one)."""

_MAX_WAIT_RATIO: Final = 0.2
"""Share of the runnable time without a core above which the machine counts as contended. Two threads on two cores
measured 0.01 to 0.15 alone, and 0.37 or more beside one computing process."""
_MIN_CALM_STEPS: Final = 2
"""Steps without contention before more threads are tried. Each try doubles the number for the next one."""


def scheduling_times() -> ThreadTimes:
    """The kernel's scheduling times of this process's threads (/proc/PID/task/TID/schedstat); empty where the kernel
    has none."""
    times = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            running_ns, waiting_ns, _ = path.read_text().split()
        except (OSError, ValueError):
            continue
        times[path.parent.name] = (int(running_ns), int(waiting_ns))
    return times


class ThreadCount:
    """Chooses PyTorch's number of threads after each step, from the contention during that step."""

    def __init__(
        self,
        max_threads: int,
        *,
        times: Callable[[], ThreadTimes] = scheduling_times,
        set_threads: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        """The first choice considers the contention since the process started."""
        self._max_threads = max_threads
        self._read_times = times
        self._set_threads = set_threads
        self._last_times: ThreadTimes = {}
        self._count = 0
        self._calm_steps = 0
        self._calm_steps_needed = _MIN_CALM_STEPS
        self._choose(1 if self._is_contended() else max_threads)

    def adapt(self) -> None:
        """Choose the number for the next step. Call it after each step."""
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
        """Whether the threads waited too long for a core since the previous call."""
        now, last = self._read_times(), self._last_times
        running_ns = sum(ran - last.get(thread, (0, 0))[0] for thread, (ran, _) in now.items())
        waiting_ns = sum(waited - last.get(thread, (0, 0))[1] for thread, (_, waited) in now.items())
        self._last_times = now
        return waiting_ns > _MAX_WAIT_RATIO * (waiting_ns + running_ns)
