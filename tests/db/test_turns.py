"""`Leases.hold`: one holder at a time, in order of arrival within a process, and nothing remains of the name."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.server import wait_until
from voxport.db.lease import Leases


def test_one_at_a_time_also_where_the_name_is_removed_each_time(database_url: str, tmp_path: Path) -> None:
    inside, max_inside = 0, 0
    several = [Leases(database_url) for _ in range(4)]  # one each, as separate processes have

    def take(number: int) -> None:
        nonlocal inside, max_inside
        with several[number % 4].hold("room", 60):
            inside += 1
            max_inside = max(max_inside, inside)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(40)))
    assert max_inside == 1
    assert not any(tmp_path.rglob("*.leases/room"))


def test_the_callers_of_a_process_come_in_their_order(database_url: str) -> None:
    leases, order, go_on = Leases(database_url), list[int](), threading.Event()

    def take(number: int) -> None:
        with leases.hold("room", 60):
            order.append(number)
            assert go_on.wait(20)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 0:
            wait_until(lambda: order == [0], seconds=20, what="the first one's turn")
        else:
            wait_until(lambda n=number: len(leases._queues.get("room", ())) == n, seconds=20, what="the line")
    go_on.set()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]
    assert leases._queues == {}


def test_who_waits_too_long_leaves_the_line(database_url: str) -> None:
    mine, others = Leases(database_url), Leases(database_url)
    with others.hold("room", 60), pytest.raises(TimeoutError), mine.hold("room", 0.01):
        pass
    with mine.hold("room", 60):
        assert others.try_acquire("room") is None
