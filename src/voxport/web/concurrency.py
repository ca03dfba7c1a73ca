"""A bounded number of long calls at once, each in a thread; the others wait in line, fairly, and not for ever."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request
from starlette.types import Receive

from voxport.errors import ProviderBusy

T = TypeVar("T")
_MEMORY = 0.9  # what is left of how often a client was let in, with each further call


def _nothing() -> None:
    pass


class Gate:
    """Long calls have threads of their own, so that a short one (a balance, a job's state) never waits for them. Of
    those that wait, the client that was let in least lately is next, and what is inside counts once more, so that one
    with a thousand calls starves nobody. All in one event loop."""

    def __init__(self, *, places: int, wait_seconds: float, on_idle: Callable[[], None] = _nothing) -> None:
        """`on_idle` is called when the last call has ended."""
        self.free = places
        self._on_idle = on_idle
        self._places = places
        self._abandoned = 0
        self._threads = anyio.CapacityLimiter(2 * places)  # those of abandoned calls too
        self._wait_seconds = wait_seconds
        self._inside: dict[str, int] = defaultdict(int)
        self._served: dict[str, float] = defaultdict(float)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def run(
        self,
        client: str,
        call: Callable[[], T],
        *,
        otherwise: Callable[[], None] = _nothing,
        receive: Receive | None = None,
    ) -> T:
        """Run `call` in a thread when its turn comes; `otherwise` runs where it never does. With the request's
        `receive`, a caller that leaves is seen: one that waits leaves the line, and one whose call runs gives its place
        back, while the call goes on to its end. Raises ProviderBusy where its turn doesn't come in time."""
        is_begun = False

        def begun() -> T:
            nonlocal is_begun
            is_begun = True
            return call()

        left = asyncio.ensure_future(until_left(receive)) if receive is not None else None
        try:
            turn = await self.turn(client, left)
            if left is not None:
                left.add_done_callback(turn.caller_left)
            try:
                return await self.in_thread(begun)
            finally:
                turn.end()
        except BaseException:
            if not is_begun:
                await in_any_case(otherwise)
            raise
        finally:
            if left is not None:
                left.cancel()

    async def turn(self, client: str, left: asyncio.Future[None] | None = None) -> Turn:
        """Take a place; where `left` is done before there is one, leave the line. Raises ProviderBusy."""
        if left is None:
            await self.enter(client)
            return Turn(self, client)
        entering = asyncio.ensure_future(self.enter(client))
        try:
            await asyncio.wait({entering, left}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not await _given_up(entering):
                self.leave(client)
            raise
        if not entering.done() and await _given_up(entering):
            raise ProviderBusy("The caller left before its turn came.", retry_after_seconds=1)
        await entering
        return Turn(self, client)

    def abandon(self, client: str) -> bool:
        """Give the place of a call back that goes on without its caller: for it was begun, and somebody bills it. So
        many at most as there are places; whether there was room for one more. `end_abandoned` is to be called then."""
        if self._abandoned >= self._places:
            return False
        self._abandoned += 1
        self.leave(client)
        return True

    def end_abandoned(self) -> None:
        self._abandoned -= 1
        self._look_for_idle()

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
        self._look_for_idle()

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a part of a call that has its place."""
        return await to_thread.run_sync(call, limiter=self._threads)

    def _look_for_idle(self) -> None:
        if not self._inside and not self._abandoned:
            self._on_idle()

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


class Turn:
    """The place of one call."""

    def __init__(self, gate: Gate, client: str) -> None:
        self._gate = gate
        self._client = client
        self._is_abandoned = False
        self._is_ended = False

    def caller_left(self, left: asyncio.Future[None] | None = None) -> None:
        """Nobody waits for the call any more."""
        if self._is_ended or self._is_abandoned or (left is not None and left.cancelled()):
            return
        self._is_abandoned = self._gate.abandon(self._client)

    def end(self) -> None:
        self._is_ended = True
        if self._is_abandoned:
            self._gate.end_abandoned()
        else:
            self._gate.leave(self._client)


class Gates:
    """A gate for each provider, so that one that hangs holds up no call of another."""

    def __init__(self, *, places: int, wait_seconds: float, on_idle: Callable[[], None] = _nothing) -> None:
        """`on_idle` is called when the last call of a gate has ended."""
        self._places = places
        self._wait_seconds = wait_seconds
        self._on_idle = on_idle
        self._gates: dict[str, Gate] = {}

    def of(self, name: str) -> Gate:
        if name not in self._gates:
            self._gates[name] = Gate(places=self._places, wait_seconds=self._wait_seconds, on_idle=self._on_idle)
        return self._gates[name]

    def first_free(self, names: Sequence[str]) -> int:
        """The number of the first that has a place free; 0 where none has."""
        return next((number for number, name in enumerate(names) if self.of(name).free > 0), 0)


async def until_left(receive: Receive) -> None:
    """Return when the caller of a request is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _given_up(entering: asyncio.Future[None]) -> bool:
    """Cancel it; whether it came to nothing. Else it has its place."""
    entering.cancel()
    await asyncio.wait({entering})
    return entering.cancelled() or entering.exception() is not None


async def in_any_case(call: Callable[[], None]) -> None:
    """Run it in a thread also where this task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(call)


async def _gates(request: Request) -> Gates:
    gates: Gates = request.app.state.gates
    return gates


GatesDep = Annotated[Gates, Depends(_gates)]
