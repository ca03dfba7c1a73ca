"""The queue of long calls is bounded and fair between clients, and loses no slot."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable

import pytest
from starlette.types import Message

from voxport.errors import ProviderBusy
from voxport.web.concurrency import Admission, ConcurrencyLimiter


def test_the_client_with_the_fewest_calls_inside_is_next() -> None:
    async def story() -> list[str]:
        limiter, order = ConcurrencyLimiter(capacity=2, wait_seconds=10), list[str]()
        go_on = asyncio.Event()

        async def call(client: str) -> None:
            await limiter.acquire(client)
            order.append(client)
            await go_on.wait()
            await asyncio.sleep(0.01)
            limiter.release(client)

        calls = [asyncio.create_task(call(client)) for client in ["greedy"] * 6 + ["modest"] * 2]
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.gather(*calls)
        assert limiter.available == 2
        return order

    order = asyncio.run(story())
    assert order[:2] == ["greedy", "greedy"]
    assert set(order[2:4]) == {"modest", "greedy"} or order[2:4] == ["modest", "modest"]
    assert order.index("modest") == 2


def test_who_waits_too_long_is_told_when_to_come_again_and_takes_no_place() -> None:
    async def story() -> None:
        limiter = ConcurrencyLimiter(capacity=1, wait_seconds=0.05)
        await limiter.acquire("first")
        with pytest.raises(ProviderBusy):
            await limiter.acquire("second")
        limiter.release("first")
        assert limiter.available == 1
        await limiter.acquire("second")
        limiter.release("second")

    asyncio.run(story())


@pytest.mark.parametrize("end", ["the client leaves", "the server stops"])
def test_work_that_nobody_pays_for_ends_with_its_client_and_keeps_its_slot_until_then(end: str) -> None:
    async def story() -> None:
        limiter = ConcurrencyLimiter(capacity=1, wait_seconds=0.05)
        has_left, began = asyncio.Event(), threading.Event()

        async def receive() -> Message:
            await has_left.wait()
            return {"type": "http.disconnect"}

        def work(check_wanted: Callable[[], None]) -> None:
            began.set()
            while True:
                time.sleep(0.01)
                check_wanted()

        task = asyncio.create_task(limiter.run_while_wanted("one", work, receive=receive))
        await asyncio.to_thread(began.wait, 10)
        assert limiter.available == 0
        if end == "the client leaves":
            has_left.set()
            with pytest.raises(ProviderBusy):
                await asyncio.wait_for(task, 10)
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert limiter.available == 1

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(4))
def test_whoever_leaves_whenever_no_place_is_lost(seed: int) -> None:
    async def story() -> None:
        dice = random.Random(seed)
        limiter = ConcurrencyLimiter(capacity=3, wait_seconds=0.03)

        async def call(client: str, seconds: float) -> None:
            await limiter.acquire(client)
            try:
                await asyncio.sleep(seconds)
            finally:
                limiter.release(client)

        calls = [asyncio.create_task(call(f"c{dice.randrange(4)}", dice.random() * 0.02)) for _ in range(120)]
        for one in calls:
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() * 0.003)
                one.cancel()
        for one in calls:
            with contextlib.suppress(ProviderBusy, asyncio.CancelledError):
                await one
        assert limiter.available == 3
        await asyncio.wait_for(limiter.acquire("last"), 1)

    asyncio.run(story())


def test_a_call_runs_in_a_thread_and_gives_its_place_back_also_after_an_error() -> None:
    async def story() -> None:
        limiter = ConcurrencyLimiter(capacity=1, wait_seconds=1)
        assert await limiter.run("one", lambda: 42) == 42

        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await limiter.run("one", fail)
        assert limiter.available == 1

    asyncio.run(story())


def test_an_admission_that_is_ended_twice_gives_its_place_back_once() -> None:
    async def story() -> None:
        limiter = ConcurrencyLimiter(capacity=2, wait_seconds=1)
        admission = Admission("client")
        assert admission.try_enter(limiter)
        admission.end()
        admission.end()
        assert limiter.available == 2

    asyncio.run(story())
