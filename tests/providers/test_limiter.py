"""The limiter: as many concurrent calls as the provider allows, shared fairly between clients."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from tests.support.server import wait_until
from voxport.errors import ProviderBusy
from voxport.providers.limiter import Limiter


def limiter(*, max_calls: int = 64, initial_calls: int = 4, timeout: float = 120.0) -> Limiter:
    return Limiter("ElevenLabs", max_calls=max_calls, initial_calls=initial_calls, timeout=timeout)


def test_no_more_than_the_limit_run_at_once() -> None:
    places, running, seen = limiter(initial_calls=3), [0], []
    guard = threading.Lock()

    def call() -> None:
        with places.slot("a"):
            with guard:
                running[0] += 1
                seen.append(running[0])
            time.sleep(0.005)
            with guard:
                running[0] -= 1

    together(call, 20)
    assert max(seen) == 3
    assert places.running == 0


def test_a_refusal_brings_the_limit_under_what_ran_and_success_back() -> None:
    places = limiter(initial_calls=8)
    with places.slot("a"), places.slot("a"), places.slot("b"):
        places.on_refused()
    assert places.limit == 2
    for _ in range(2 + 3 + 4):
        places.on_success()
    assert places.limit == 5


def test_the_limit_stays_between_one_and_what_is_allowed() -> None:
    places = limiter(max_calls=5, initial_calls=4)
    for _ in range(100):
        places.on_success()
    assert places.limit == 5
    places.set_max_calls(3)
    assert places.limit == 3
    for _ in range(9):
        places.on_refused()
    assert places.limit == 1


def test_a_client_with_many_calls_does_not_starve_one_with_few() -> None:
    assert served(["busy"] * 10 + ["calm"] * 2)[:4] == ["busy", "calm", "busy", "calm"]


def test_who_was_served_least_lately_is_next_although_another_came_first() -> None:
    assert served(["first"] * 4 + ["second"] * 2) == ["first", "second", "first", "second", "first", "first"]


def test_four_clients_get_the_same_share() -> None:
    places, done = limiter(initial_calls=4), Counter[str]()

    def call(client: str) -> None:
        begun.wait()
        while done.total() < 600:
            with places.slot(client):
                time.sleep(0.002)
                if done.total() < 600:  # calls still in the queue at the end do not count
                    done[client] += 1

    crowd = ["a"] * 40 + ["b"] * 20 + ["c"] * 14 + ["d"] * 12
    begun = threading.Barrier(len(crowd))
    threads = [threading.Thread(target=call, args=(client,)) for client in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # In order of arrival, the first client would get three times as much as the last.
    assert max(done.values()) <= 2 * min(done.values())


def test_who_waits_too_long_is_told_when_to_come_again_and_leaves_the_line() -> None:
    places = limiter(initial_calls=1, timeout=0.05)
    with places.slot("a"):
        with pytest.raises(ProviderBusy) as busy, places.slot("b"):
            pass
        assert int(busy.value.headers["Retry-After"]) >= 1
        assert "ElevenLabs" in busy.value.message
    with places.slot("b"):
        assert places.running == 1


def test_a_call_that_fails_gives_its_place_back() -> None:
    places = limiter(initial_calls=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), places.slot("a"):
            raise RuntimeError
    assert places.running == 0


def test_what_the_provider_reports_does_not_exceed_the_operators_cap() -> None:
    places = Limiter("ElevenLabs", max_calls=30, initial_calls=8, cap=5, timeout=60.0)
    assert places.limit == 5
    places.set_max_calls(40)
    assert places.limit == 5
    places.set_max_calls(3)
    assert places.limit == 3


def together(call: object, count: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def served(clients: list[str]) -> list[str]:
    """Queue one call of each client for a single slot, in this order. Returns the order in which they get it."""
    places, order, go_on = limiter(initial_calls=1, timeout=60.0), list[str](), threading.Event()

    def call(client: str) -> None:
        with places.slot(client):
            order.append(client)
            go_on.wait(60)

    threads = []
    for number, client in enumerate(clients):
        threads.append(threading.Thread(target=call, args=(client,)))
        threads[-1].start()
        wait_until(lambda number=number: inside_and_in_line(places) == number + 1, seconds=20, what="the next in line")
    go_on.set()
    for thread in threads:
        thread.join()
    return order


def inside_and_in_line(places: Limiter) -> int:
    with places._lock:
        return places.running + places.waiting
