"""A fit chooses its number of threads by how long its last step waited for a core, as the kernel counts it."""

from __future__ import annotations

import threading
import time

from voxport.engine.fit.threads import ThreadCount, ThreadTimes, scheduling_times

SECOND = 1_000_000_000


class FakeMachine:
    """A machine on which a step runs each thread for a second, and lets it wait `waited` seconds for a core."""

    def __init__(self, max_threads: int = 2, *, waited: float = 0.0) -> None:
        self.times: ThreadTimes = {"1": (5 * SECOND, int(waited * SECOND))}
        self.chosen: list[int] = []
        self.count = ThreadCount(max_threads, times=lambda: dict(self.times), set_threads=self.chosen.append)

    def step(self, waited: float) -> int:
        """Runs a step and returns the number of threads after it."""
        on_core, before = self.times["1"]
        self.times["1"] = (on_core + SECOND, before + int(waited * SECOND))
        self.count.adapt()
        return self.chosen[-1]


def test_a_fit_that_has_the_machine_to_itself_keeps_all_threads() -> None:
    machine = FakeMachine(4)
    assert [machine.step(0.02) for _ in range(12)] == [4] * 12
    assert machine.chosen == [4]


def test_beside_other_work_it_takes_one_thread_until_the_machine_is_calm() -> None:
    machine = FakeMachine()
    assert [machine.step(waited) for waited in (0.5, 0.5, 0.3, 0.0, 0.0, 0.0)] == [1, 1, 1, 1, 2, 2]


def test_what_was_met_before_the_fit_decides_for_its_first_step() -> None:
    assert FakeMachine(waited=3.0).chosen == [1]


def test_each_try_of_more_threads_that_fails_is_repeated_later() -> None:
    machine = FakeMachine()
    # The other process takes one of two cores, so a single thread has the other to itself.
    counts = [machine.step(0.5 if machine.chosen[-1] == 2 else 0.0) for _ in range(20)]
    assert counts == [1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]


def test_a_kernel_that_counts_nothing_leaves_all_threads() -> None:
    chosen: list[int] = []
    count = ThreadCount(3, times=dict, set_threads=chosen.append)
    count.adapt()
    assert chosen == [3]


def test_threads_that_end_take_nothing_back() -> None:
    machine = FakeMachine()
    machine.times["2"] = (SECOND, SECOND)
    machine.count.adapt()
    del machine.times["2"]
    machine.times["3"] = (SECOND, 0)
    assert [machine.step(0.0) for _ in range(2)][-1] == 2


def test_the_kernel_counts_each_thread_of_this_process() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        before = sum(ran for ran, _ in scheduling_times().values())
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        times = scheduling_times()
        assert not times or len(times) >= 2
        assert not times or sum(ran for ran, _ in times.values()) > before
    finally:
        stop.set()
        thread.join()
