"""A bounded number of long calls at once, each in a thread; the others wait in line, fairly, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request
from starlette.types import Receive

from voxport.errors import ProviderBusy
from voxport.fair_queue import FairQueue
from voxport.web.disconnect import watch_disconnect

T = TypeVar("T")


def _noop() -> None:
    pass


class ConcurrencyLimiter:
    """Long calls have threads of their own, so that a short one (a balance, a job's state) never waits for them. All in
    one event loop."""

    def __init__(self, *, capacity: int, wait_seconds: float, on_idle: Callable[[], None] = _noop) -> None:
        """`on_idle` is called when the last call has ended."""
        self._on_idle = on_idle
        self._capacity = capacity
        self._abandoned = 0
        self._threads = anyio.CapacityLimiter(2 * capacity)  # those of abandoned calls too
        self._wait_seconds = wait_seconds
        self._queue = FairQueue[asyncio.Future[None]](self._capacity, lambda admitted: admitted.set_result(None))

    @property
    def available(self) -> int:
        return self._queue.available

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    async def run(
        self,
        client: str,
        call: Callable[[], T],
        *,
        on_rejected: Callable[[], None] = _noop,
        receive: Receive | None = None,
    ) -> T:
        """Run `call` in a thread when its turn comes; `on_rejected` runs where it never does. With the request's
        `receive`, a caller that leaves is seen: one that waits leaves the line, and one whose call runs gives its place
        back, while the call goes on to its end. Raises ProviderBusy where its turn doesn't come in time."""
        is_started = False

        def started_call() -> T:
            nonlocal is_started
            is_started = True
            return call()

        with watch_disconnect(receive) if receive is not None else contextlib.nullcontext() as disconnected:
            try:
                permit = await self.acquire_permit(client, disconnected)
                if disconnected is not None:
                    disconnected.add_done_callback(permit.on_disconnect)
                try:
                    return await self.in_thread(started_call)
                finally:
                    permit.release()
            except BaseException:
                if not is_started:
                    await run_shielded(on_rejected)
                raise

    async def acquire_permit(self, client: str, disconnected: asyncio.Future[None] | None = None) -> ConcurrencyPermit:
        """Take a place; where `disconnected` is done before there is one, leave the line. Raises ProviderBusy."""
        if disconnected is None:
            await self.acquire(client)
            return ConcurrencyPermit(self, client)
        acquiring = asyncio.ensure_future(self.acquire(client))
        try:
            await asyncio.wait({acquiring, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not await _is_cancelled(acquiring):
                self.release(client)
            raise
        if not acquiring.done() and await _is_cancelled(acquiring):
            raise ProviderBusy("The caller left before its turn came.", retry_after_seconds=1)
        await acquiring
        return ConcurrencyPermit(self, client)

    def abandon(self, client: str) -> bool:
        """Give the place of a call back that goes on without its caller: for it was begun, and somebody bills it. So
        many at most as there are places; whether there was room for one more. `release_abandoned` is to be called
        then."""
        if self._abandoned >= self._capacity:
            return False
        self._abandoned += 1
        self.release(client)
        return True

    def release_abandoned(self) -> None:
        self._abandoned -= 1
        self._notify_if_idle()

    async def acquire(self, client: str) -> None:
        """Take a place, for a call of several parts; `release` gives it back. Raises ProviderBusy."""
        admitted = self._queue.acquire(client, asyncio.get_running_loop().create_future)
        if admitted is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(admitted), self._wait_seconds)
        except TimeoutError:
            self._leave_queue(client, admitted)
            raise ProviderBusy(
                "Too many calls are being spoken at once. Try again in a while.",
                retry_after_seconds=max(1, round(self._wait_seconds / 4)),
            ) from None
        except asyncio.CancelledError:
            self._leave_queue(client, admitted)
            raise

    def release(self, client: str) -> None:
        self._queue.release(client)
        self._notify_if_idle()

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a part of a call that has its place."""
        return await to_thread.run_sync(call, limiter=self._threads)

    def _notify_if_idle(self) -> None:
        if not self._queue.active and not self._abandoned:
            self._on_idle()

    def _leave_queue(self, client: str, admitted: asyncio.Future[None]) -> None:
        """Leave the line; or, called in the very last moment, the place."""
        if admitted.done():
            self.release(client)
            return
        admitted.cancel()
        self._queue.leave(client, admitted)


class ConcurrencyPermit:
    """The place of one call."""

    def __init__(self, limiter: ConcurrencyLimiter, client: str) -> None:
        self._limiter = limiter
        self._client = client
        self._is_abandoned = False
        self._is_released = False

    def on_disconnect(self, disconnected: asyncio.Future[None] | None = None) -> None:
        """Nobody waits for the call any more."""
        if self._is_released or self._is_abandoned or (disconnected is not None and disconnected.cancelled()):
            return
        self._is_abandoned = self._limiter.abandon(self._client)

    def release(self) -> None:
        self._is_released = True
        if self._is_abandoned:
            self._limiter.release_abandoned()
        else:
            self._limiter.release(self._client)


class ConcurrencyLimiters:
    """A gate for each provider, so that one that hangs holds up no call of another."""

    def __init__(self, *, capacity: int, wait_seconds: float, on_idle: Callable[[], None] = _noop) -> None:
        """`on_idle` is called when the last call of a gate has ended."""
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._on_idle = on_idle
        self._limiters: dict[str, ConcurrencyLimiter] = {}

    def for_provider(self, name: str) -> ConcurrencyLimiter:
        if name not in self._limiters:
            self._limiters[name] = ConcurrencyLimiter(
                capacity=self._capacity, wait_seconds=self._wait_seconds, on_idle=self._on_idle
            )
        return self._limiters[name]

    def first_available(self, names: Sequence[str]) -> int:
        """The number of the first that has a place free; 0 where none has."""
        return next((number for number, name in enumerate(names) if self.for_provider(name).available > 0), 0)


async def _is_cancelled(acquiring: asyncio.Future[None]) -> bool:
    """Cancel it; whether it came to nothing. Else it has its place."""
    acquiring.cancel()
    await asyncio.wait({acquiring})
    return acquiring.cancelled() or acquiring.exception() is not None


async def run_shielded(call: Callable[[], None]) -> None:
    """Run it in a thread also where this task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(call)


async def _limiters(request: Request) -> ConcurrencyLimiters:
    limiters: ConcurrencyLimiters = request.app.state.limiters
    return limiters


LimitersDep = Annotated[ConcurrencyLimiters, Depends(_limiters)]
