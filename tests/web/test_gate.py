"""The line of long calls: bounded, fair between clients, and without a lost place."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from voxport.errors import ProviderBusy
from voxport.web.concurrency import Gate


def test_the_client_with_the_fewest_calls_inside_is_next() -> None:
    async def story() -> list[str]:
        gate, order = Gate(places=2, wait_seconds=10), list[str]()
        go_on = asyncio.Event()

        async def call(client: str) -> None:
            await gate.enter(client)
            order.append(client)
            await go_on.wait()
            await asyncio.sleep(0.01)
            gate.leave(client)

        calls = [asyncio.create_task(call(client)) for client in ["greedy"] * 6 + ["modest"] * 2]
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.gather(*calls)
        assert gate.free == 2
        return order

    order = asyncio.run(story())
    assert order[:2] == ["greedy", "greedy"]
    assert set(order[2:4]) == {"modest", "greedy"} or order[2:4] == ["modest", "modest"]
    assert order.index("modest") == 2


def test_who_waits_too_long_is_told_when_to_come_again_and_takes_no_place() -> None:
    async def story() -> None:
        gate = Gate(places=1, wait_seconds=0.05)
        await gate.enter("first")
        with pytest.raises(ProviderBusy):
            await gate.enter("second")
        gate.leave("first")
        assert gate.free == 1
        await gate.enter("second")
        gate.leave("second")

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(4))
def test_whoever_leaves_whenever_no_place_is_lost(seed: int) -> None:
    async def story() -> None:
        dice = random.Random(seed)
        gate = Gate(places=3, wait_seconds=0.03)

        async def call(client: str, seconds: float) -> None:
            await gate.enter(client)
            try:
                await asyncio.sleep(seconds)
            finally:
                gate.leave(client)

        calls = [asyncio.create_task(call(f"c{dice.randrange(4)}", dice.random() * 0.02)) for _ in range(120)]
        for one in calls:
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() * 0.003)
                one.cancel()
        for one in calls:
            with contextlib.suppress(ProviderBusy, asyncio.CancelledError):
                await one
        assert gate.free == 3
        await asyncio.wait_for(gate.enter("last"), 1)

    asyncio.run(story())


def test_a_call_runs_in_a_thread_and_gives_its_place_back_also_after_an_error() -> None:
    async def story() -> None:
        gate = Gate(places=1, wait_seconds=1)
        assert await gate.run("one", lambda: 42) == 42

        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await gate.run("one", fail)
        assert gate.free == 1

    asyncio.run(story())
