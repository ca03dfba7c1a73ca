"""A bounded number of long calls at once, each in a thread; the others wait in line, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request

from voxport.errors import ProviderBusy

T = TypeVar("T")


class Gate:
    """Long calls have threads of their own, so that a short one (a balance, a job's state) never waits for them."""

    def __init__(self, *, places: int, wait_seconds: float) -> None:
        self._turns = asyncio.Semaphore(places)
        self._threads = anyio.CapacityLimiter(places)
        self._wait_seconds = wait_seconds

    async def run(self, call: Callable[[], T]) -> T:
        """Run `call` in a thread when its turn comes. Raises ProviderBusy where it doesn't come in time."""
        await self.enter()
        try:
            return await self.in_thread(call)
        finally:
            self.leave()

    async def enter(self) -> None:
        """Take a place, for a call of several parts; `leave` gives it back. Raises ProviderBusy."""
        try:
            await asyncio.wait_for(self._turns.acquire(), self._wait_seconds)
        except TimeoutError:
            raise ProviderBusy(
                "Too many calls are being spoken at once. Try again in a while.",
                retry_after_seconds=max(1, round(self._wait_seconds / 4)),
            ) from None

    def leave(self) -> None:
        self._turns.release()

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a part of a call that has its place."""
        return await to_thread.run_sync(call, limiter=self._threads)


async def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


GateDep = Annotated[Gate, Depends(_gate)]
