"""As many calls at once as the provider takes, fairly shared."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from voxport.errors import ProviderBusy
from voxport.providers.limiter import Limiter


def limiter(*, most: int = 64, start: int = 4, patience: float = 10.0) -> Limiter:
    return Limiter("ElevenLabs", most=most, start=start, patience=patience)


def test_no_more_than_the_limit_run_at_once() -> None:
    places, running, seen = limiter(start=3), [0], []
    guard = threading.Lock()

    def call() -> None:
        with places.place("a"):
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
    places = limiter(start=8)
    with places.place("a"), places.place("a"), places.place("b"):
        places.refused()
    assert places.limit == 2
    for _ in range(2 + 3 + 4):
        places.went_well()
    assert places.limit == 5


def test_the_limit_stays_between_one_and_what_is_allowed() -> None:
    places = limiter(most=5, start=4)
    for _ in range(100):
        places.went_well()
    assert places.limit == 5
    places.allowed(3)
    assert places.limit == 3
    for _ in range(9):
        places.refused()
    assert places.limit == 1


def test_a_client_with_many_calls_does_not_starve_one_with_few() -> None:
    places, order = limiter(start=1), []
    first = threading.Event()

    def call(client: str) -> None:
        with places.place(client):
            order.append(client)
            first.wait(5)

    threads = [threading.Thread(target=call, args=("busy",)) for _ in range(10)]
    for thread in threads:
        thread.start()
    while len(order) < 1:
        time.sleep(0.001)
    time.sleep(0.05)  # until the nine others are in line
    few = [threading.Thread(target=call, args=("calm",)) for _ in range(2)]
    for thread in few:
        thread.start()
    time.sleep(0.05)
    first.set()
    for thread in [*threads, *few]:
        thread.join()
    assert order[1] == "calm"
    assert "calm" in order[2:5]


def test_four_clients_get_the_same_share() -> None:
    places, done = limiter(start=4), Counter[str]()

    def call(client: str) -> None:
        begun.wait()
        while done.total() < 600:
            with places.place(client):
                time.sleep(0.002)
                if done.total() < 600:  # those that wait in line at the end count for nobody
                    done[client] += 1

    crowd = ["a"] * 40 + ["b"] * 20 + ["c"] * 14 + ["d"] * 12
    begun = threading.Barrier(len(crowd))
    threads = [threading.Thread(target=call, args=(client,)) for client in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # First come, first served would give the first client three times as much as the last.
    assert max(done.values()) <= 2 * min(done.values())


def test_who_waits_too_long_is_told_when_to_come_again_and_leaves_the_line() -> None:
    places = limiter(start=1, patience=0.05)
    with places.place("a"):
        with pytest.raises(ProviderBusy) as busy, places.place("b"):
            pass
        assert int(busy.value.headers["Retry-After"]) >= 1
        assert "ElevenLabs" in busy.value.message
    with places.place("b"):
        assert places.running == 1


def test_a_call_that_fails_gives_its_place_back() -> None:
    places = limiter(start=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), places.place("a"):
            raise RuntimeError
    assert places.running == 0


def together(call: object, count: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_was_served_least_lately_is_next_although_another_came_first() -> None:
    limiter = Limiter("Somewhere", most=1, start=1, patience=5.0)
    order: list[str] = []

    def call(client: str) -> None:
        with limiter.place(client):
            order.append(client)
            time.sleep(0.02)

    threads = [threading.Thread(target=call, args=(client,)) for client in ["first"] * 4]
    threads[0].start()
    time.sleep(0.005)
    for thread in threads[1:]:
        thread.start()
    late = [threading.Thread(target=call, args=(client,)) for client in ["second"] * 2]
    for thread in late:
        thread.start()
    for thread in (*threads, *late):
        thread.join()
    assert order[:3] == ["first", "second", "first"] or order[:3] == ["first", "second", "second"]
    assert order.index("second") == 1
