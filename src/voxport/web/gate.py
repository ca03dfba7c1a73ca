"""A bounded number of long calls at once, each in a thread; the others wait in line, fairly, and not for ever."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request

from voxport.errors import ProviderBusy

T = TypeVar("T")
_MEMORY = 0.9  # what is left of how often a client was let in, with each further call


def _nothing() -> None:
    pass


class Gate:
    """Long calls have threads of their own, so that a short one (a balance, a job's state) never waits for them. Of
    those that wait, the client that was let in least lately is next, and what is inside counts once more, so that one
    with a thousand calls starves nobody. All in one event loop."""

    def __init__(self, *, places: int, wait_seconds: float) -> None:
        self.free = places
        self._threads = anyio.CapacityLimiter(places)
        self._wait_seconds = wait_seconds
        self._inside: dict[str, int] = defaultdict(int)
        self._served: dict[str, float] = defaultdict(float)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def run(self, client: str, call: Callable[[], T], *, otherwise: Callable[[], None] = _nothing) -> T:
        """Run `call` in a thread when its turn comes; `otherwise` runs where it never does. Raises ProviderBusy where
        it doesn't come in time."""
        is_begun = False

        def begun() -> T:
            nonlocal is_begun
            is_begun = True
            return call()

        try:
            await self.enter(client)
            try:
                return await self.in_thread(begun)
            finally:
                self.leave(client)
        except BaseException:
            if not is_begun:
                await in_any_case(otherwise)
            raise

    async def enter(self, client: str) -> None:
        """Take a place, for a call of several parts; `leave` gives it back. Raises ProviderBusy."""
        if self.free and not self._waiting:
            self._let_in(client)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await asyncio.wait_for(asyncio.shield(turn), self._wait_seconds)
        except TimeoutError:
            self._give_up(client, turn)
            raise ProviderBusy(
                "Too many calls are being spoken at once. Try again in a while.",
                retry_after_seconds=max(1, round(self._wait_seconds / 4)),
            ) from None
        except asyncio.CancelledError:
            self._give_up(client, turn)
            raise

    def leave(self, client: str) -> None:
        self.free += 1
        self._inside[client] -= 1
        if not self._inside[client]:
            del self._inside[client]
        self._call_next()

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a part of a call that has its place."""
        return await to_thread.run_sync(call, limiter=self._threads)

    def _let_in(self, client: str) -> None:
        self.free -= 1
        self._inside[client] += 1
        for name in list(self._served):
            self._served[name] *= _MEMORY
            if self._served[name] < 0.01:
                del self._served[name]
        self._served[client] += 1.0

    def _call_next(self) -> None:
        while self.free and self._waiting:
            client = min(self._waiting, key=lambda name: self._inside.get(name, 0) + self._served.get(name, 0.0))
            line = self._waiting.pop(client)
            turn = line.popleft()
            if line:
                self._waiting[client] = line  # behind the others with as few
            self._let_in(client)
            turn.set_result(None)

    def _give_up(self, client: str, turn: asyncio.Future[None]) -> None:
        """Leave the line; or, called in the very last moment, the place."""
        if turn.done():
            self.leave(client)
            return
        turn.cancel()
        line = self._waiting[client]
        line.remove(turn)
        if not line:
            del self._waiting[client]


async def in_any_case(call: Callable[[], None]) -> None:
    """Run it in a thread also where this task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(call)


async def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


GateDep = Annotated[Gate, Depends(_gate)]
