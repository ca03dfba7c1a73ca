"""Runs a limited number of long calls at once, each in a thread. The others wait in a fair queue, with a timeout."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request
from starlette.types import Receive

from voxport.errors import ProviderBusy
from voxport.fair_queue import FairQueue
from voxport.web.disconnect import watch_for_disconnect

T = TypeVar("T")
_BEGINNING_CALLS: Final = 40
"""Calls that are checked, and whose price is held, at the same time."""


def _noop() -> None:
    pass


class ConcurrencyLimiter:
    """Runs long calls in threads of their own, so that short ones (a balance, a job's state) never wait for them. For
    use in one event loop, where nothing else is said."""

    def __init__(self, *, capacity: int, wait_seconds: float, on_idle: Callable[[], None] = _noop) -> None:
        """`on_idle` is called when no call is running any more."""
        self._on_idle = on_idle
        self._capacity = capacity
        self._abandoned = 0
        self._threads = anyio.CapacityLimiter(2 * capacity)  # includes abandoned calls
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()  # slots are taken in any thread, and given back in the loop's
        self._queue = FairQueue[asyncio.Future[None]](self._capacity, lambda admitted: admitted.set_result(None))

    @property
    def capacity(self) -> int:
        return self._capacity

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
        """Run `call` in a thread once it has a slot, as `Admission.run_in_turn` does. With the request's `receive` it
        reacts to a disconnect."""
        admission = Admission(client, receive)
        try:
            return await admission.run_in_turn(self, call, on_rejected=on_rejected)
        finally:
            admission.end()

    async def run_while_wanted(self, client: str, call: Callable[[Callable[[], None]], T], *, receive: Receive) -> T:
        """Run `call` in a thread once it has a slot, which it keeps to its end. It gets a function that raises
        ProviderBusy once the client has left or the server stops: nobody pays for this work. Raises ProviderBusy if no
        slot is free in time."""
        is_wanted, disconnected = True, watch_for_disconnect(receive)

        def check_wanted() -> None:
            if not is_wanted or (disconnected.done() and not disconnected.cancelled()):
                raise _caller_left()

        permit: ConcurrencyPermit | None = None
        try:
            permit = await self.acquire_permit(client, disconnected)
            running = asyncio.ensure_future(self.in_thread(lambda: call(check_wanted)))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                is_wanted = False
                await asyncio.wait({running})
                raise
        finally:
            disconnected.cancel()
            if permit is not None:
                permit.release()

    def try_acquire(self, client: str) -> ConcurrencyPermit | None:
        """Take a slot if one is free and nobody waits for it. May be called in any thread."""
        with self._lock:
            return ConcurrencyPermit(self, client) if self._queue.try_acquire(client) else None

    async def acquire_permit(self, client: str, disconnected: asyncio.Future[None] | None = None) -> ConcurrencyPermit:
        """Wait for a slot; leave the queue if `disconnected` is done first. Raises ProviderBusy."""
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
            raise _caller_left()
        await acquiring
        return ConcurrencyPermit(self, client)

    def abandon(self, client: str) -> bool:
        """Release the slot of a call that runs on without its caller, since it has begun and will be billed. Returns
        False if `capacity` calls are abandoned already. After True, call `release_abandoned` when the call ends."""
        if self._abandoned >= self._capacity:
            return False
        self._abandoned += 1
        self.release(client)
        return True

    def release_abandoned(self) -> None:
        self._abandoned -= 1
        self._notify_if_idle()

    async def acquire(self, client: str) -> None:
        """Wait for a slot, for a call of several parts; `release` it afterwards. Raises ProviderBusy."""
        with self._lock:
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
        with self._lock:
            self._queue.release(client)
        self._notify_if_idle()

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a part of a call that has a slot."""
        return await to_thread.run_sync(call, limiter=self._threads)

    def _notify_if_idle(self) -> None:
        if not self._queue.active and not self._abandoned:
            self._on_idle()

    def _leave_queue(self, client: str, admitted: asyncio.Future[None]) -> None:
        """Leave the queue, or release the slot if the call was admitted meanwhile."""
        if admitted.done():
            self.release(client)
            return
        admitted.cancel()
        with self._lock:
            self._queue.leave(client, admitted)


class ConcurrencyPermit:
    """The slot of one call."""

    def __init__(self, limiter: ConcurrencyLimiter, client: str) -> None:
        self._limiter = limiter
        self._client = client
        self._is_abandoned = False
        self._is_released = False

    def abandon(self) -> None:
        """Release the slot although the call runs on: its client has left."""
        if not self._is_released and not self._is_abandoned:
            self._is_abandoned = self._limiter.abandon(self._client)

    def release(self) -> None:
        """Release the slot; a second call has no effect."""
        if self._is_released:
            return
        self._is_released = True
        if self._is_abandoned:
            self._limiter.release_abandoned()
        else:
            self._limiter.release(self._client)


class Admission:
    """The way of one call into a limiter, and out of it. A client that disconnects leaves the queue, or releases its
    slot while the call, once it has begun, runs to its end. Call `end` in any case, at least once."""

    def __init__(
        self, client: str, receive: Receive | None = None, *, on_disconnect: Callable[[], None] = _noop
    ) -> None:
        """The client is watched by the request's `receive`; `on_disconnect` is called when it disconnects."""
        self._client = client
        self._on_disconnect = on_disconnect
        self._permit: ConcurrencyPermit | None = None
        self._disconnected = watch_for_disconnect(receive) if receive is not None else None
        if self._disconnected is not None:
            self._disconnected.add_done_callback(self._handle_disconnect)

    @property
    def has_client_left(self) -> bool:
        return self._disconnected is not None and self._disconnected.done() and not self._disconnected.cancelled()

    def try_enter(self, limiter: ConcurrencyLimiter) -> bool:
        """Take a slot if one is free. For use in the thread that begins the call, which then goes on with it. Raises
        ProviderBusy if the client has left."""
        self._permit = limiter.try_acquire(self._client)
        if self.has_client_left:
            raise _caller_left()
        return self._permit is not None

    async def run_in_turn(
        self, limiter: ConcurrencyLimiter, call: Callable[[], T], *, on_rejected: Callable[[], None] = _noop
    ) -> T:
        """Run `call` in a thread once it has a slot; `on_rejected` runs if it never starts. Raises ProviderBusy if no
        slot is free in time."""
        is_started = False

        def started_call() -> T:
            nonlocal is_started
            is_started = True
            return call()

        try:
            self._permit = await limiter.acquire_permit(self._client, self._disconnected)
            if self.has_client_left:
                self._permit.abandon()
            return await limiter.in_thread(started_call)
        except BaseException:
            if not is_started:
                await run_shielded(on_rejected)
            raise

    def abandon(self) -> None:
        """Release the slot of a call whose client takes nothing any more."""
        if self._permit is not None:
            self._permit.abandon()

    def end(self) -> None:
        if self._disconnected is not None:
            self._disconnected.cancel()
        if self._permit is not None:
            self._permit.release()

    def _handle_disconnect(self, disconnected: asyncio.Future[None]) -> None:
        if not disconnected.cancelled():
            self._on_disconnect()
            self.abandon()


class ConcurrencyLimiters:
    """Holds a limiter for each provider, so that a provider that hangs doesn't delay calls of the others."""

    def __init__(
        self, *, capacity: int, wait_seconds: float, providers: int = 1, on_idle: Callable[[], None] = _noop
    ) -> None:
        """`on_idle` is called when a limiter has no running call any more. `providers` is how many there are."""
        # However many calls run, which have slots, and how many that were abandoned, this many others can begin.
        self._beginning = anyio.CapacityLimiter(_BEGINNING_CALLS + 2 * capacity * providers)
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._on_idle = on_idle
        self._limiters: dict[str, ConcurrencyLimiter] = {}

    def for_provider(self, name: str) -> ConcurrencyLimiter:
        """Return the limiter of a provider. May be called in any thread."""
        limiter = self._limiters.get(name)
        if limiter is None:
            new = ConcurrencyLimiter(capacity=self._capacity, wait_seconds=self._wait_seconds, on_idle=self._on_idle)
            limiter = self._limiters.setdefault(name, new)
        return limiter

    async def begin(self, call: Callable[[], T]) -> T:
        """Run the beginning of a call in a thread; it may run all of the call once it has a slot."""
        return await to_thread.run_sync(call, limiter=self._beginning)

    def has_room(self, name: str) -> bool:
        """Whether a provider has a free slot. May be called in any thread."""
        limiter = self._limiters.get(name)
        return limiter is None or limiter.available > 0

    def usage(self) -> dict[str, tuple[int, int, int]]:
        """Return the running calls, the waiting calls and the limit, by provider. Thread-safe."""
        return {
            name: (one.capacity - one.available, one.waiting, one.capacity)
            for name, one in list(self._limiters.items())
        }

    def first_available(self, names: Sequence[str]) -> int:
        """Return the index of the first provider with a free slot, or 0 if none has one. May be called in any
        thread."""
        return next((number for number, name in enumerate(names) if self.has_room(name)), 0)


def _caller_left() -> ProviderBusy:
    return ProviderBusy("The caller left before its turn came.", retry_after_seconds=1)


async def _is_cancelled(acquiring: asyncio.Future[None]) -> bool:
    """Cancel `acquiring`. Returns False if it had acquired a slot before."""
    acquiring.cancel()
    await asyncio.wait({acquiring})
    return acquiring.cancelled() or acquiring.exception() is not None


async def run_shielded(call: Callable[[], None]) -> None:
    """Run `call` in a thread even while this task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(call)


async def _limiters(request: Request) -> ConcurrencyLimiters:
    limiters: ConcurrencyLimiters = request.app.state.limiters
    return limiters


LimitersDep = Annotated[ConcurrencyLimiters, Depends(_limiters)]
