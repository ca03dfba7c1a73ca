"""`FairQueue`: its order, its capacity, and that no slot is lost."""

from __future__ import annotations

import random

import pytest

from voxport.fair_queue import FairQueue


def admitted_in_order(clients: list[str]) -> list[str]:
    """The order in which these clients get the only slot, if all wait in the given order before it is first
    released."""
    order: list[str] = []
    queue = FairQueue[str](1, order.append)
    assert queue.acquire("nobody", lambda: "nobody") is None
    for client in clients:
        assert queue.acquire(client, lambda client=client: client) == client  # type: ignore[misc]
    queue.release("nobody")
    for _ in clients:
        queue.release(order[-1])
    assert (queue.active, queue.waiting) == (0, 0)
    return order


def test_the_client_that_was_admitted_least_lately_is_next() -> None:
    assert admitted_in_order(["busy"] * 6 + ["calm"] * 2)[:4] == ["busy", "calm", "busy", "calm"]
    assert admitted_in_order(["a", "a", "b", "b", "c", "c"]) == ["a", "b", "c", "a", "b", "c"]


def test_a_client_whose_calls_are_active_waits_behind_one_that_has_none() -> None:
    order: list[str] = []
    queue = FairQueue[str](2, order.append)
    assert queue.acquire("a", lambda: "") is None
    assert queue.acquire("a", lambda: "") is None
    queue.acquire("a", lambda: "a")
    queue.acquire("b", lambda: "b")
    queue.release("a")
    assert order == ["b"]


def test_more_slots_admit_who_waits_and_fewer_take_none_away() -> None:
    order: list[str] = []
    queue = FairQueue[str](1, order.append)
    queue.acquire("a", lambda: "a")
    for client in "bcd":
        queue.acquire(client, lambda client=client: client)  # type: ignore[misc]
    queue.resize(3)
    assert order == ["b", "c"]
    queue.resize(1)
    assert (queue.active, queue.available, queue.waiting) == (3, -2, 1)
    queue.release("a")
    queue.release("b")
    assert order == ["b", "c"]
    queue.release("c")
    assert order == ["b", "c", "d"]


@pytest.mark.parametrize("seed", range(4))
def test_whoever_comes_and_goes_no_slot_is_lost_and_none_is_given_twice(seed: int) -> None:
    dice, numbers = random.Random(seed), iter(range(10**6))
    waiting: dict[int, str] = {}
    inside: list[str] = []

    def admit(number: int) -> None:
        inside.append(waiting.pop(number))

    queue = FairQueue[int](3, admit)
    for _ in range(3_000):
        client = f"client {dice.randrange(5)}"
        action = dice.random()
        if action < 0.5:
            number = queue.acquire(client, lambda: next(numbers))
            if number is None:
                inside.append(client)
            else:
                waiting[number] = client
        elif action < 0.65 and waiting:
            number = dice.choice(list(waiting))
            queue.leave(waiting.pop(number), number)
        elif inside:
            queue.release(inside.pop(dice.randrange(len(inside))))
        assert (queue.active, queue.waiting) == (len(inside), len(waiting))
        assert len(inside) == 3 or (len(inside) < 3 and not waiting)
