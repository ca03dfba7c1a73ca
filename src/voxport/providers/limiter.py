"""Limits the concurrent calls to a provider, and shares them fairly between waiting clients.

The limit is the account's: `providers/slots.py` decides how many of its slots this process has.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from voxport.errors import ProviderBusy
from voxport.fair_queue import FairQueue
from voxport.providers.base import SlotUsage
from voxport.providers.slots import CallLimit, Demand, Grant, LocalSlots, SlotPools

_DECAY: Final = 0.9
"""The weight of the previous mean in the running mean of call durations."""


class Limiter:
    """Allows up to `max_calls` concurrent calls, starting at `initial_calls`. A caller that waits longer than `timeout`
    seconds gets ProviderBusy. `slots` shares the limit of the account `name` with other processes. The provider may
    report another maximum than `max_calls`, but `cap` is never exceeded."""

    def __init__(
        self,
        title: str,
        *,
        max_calls: int,
        initial_calls: int,
        timeout: float,
        cap: int | None = None,
        name: str = "",
        slots: SlotPools | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._cap = math.inf if cap is None else cap
        self._timeout = timeout
        self._clock = clock
        self._queue = FairQueue[threading.Event](0, threading.Event.set)
        self._successes = 0
        self._mean_seconds = 1.0  # running mean of a call's duration
        self._admissions = 0
        self._returned = 0
        # Reentrant: garbage collection of a generator may release its slot in the thread that holds the lock.
        self._lock = threading.RLock()
        max_calls = int(min(max_calls, self._cap))
        limit = CallLimit(min(initial_calls, max_calls), max_calls)
        self._grant = Grant(0, limit)
        self._pool = (slots or LocalSlots()).open(name or title, limit, self)

    @property
    def limit(self) -> int:
        """The limit of all processes together."""
        return self._grant.limit.calls

    @property
    def running(self) -> int:
        return self._queue.active

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    def usage(self) -> SlotUsage:
        """The use of the slots in this process."""
        return SlotUsage(self.running, self.waiting, self.limit)

    @contextlib.contextmanager
    def slot(self, client: str, *, timeout: float | None = None) -> Iterator[None]:
        """Hold a slot for the duration of the block. `timeout` in seconds. Raises ProviderBusy."""
        self._acquire(client, self._timeout if timeout is None else max(0.0, timeout))
        start = self._clock()
        try:
            yield
        finally:
            self._release(client, self._clock() - start)

    def on_refused(self) -> None:
        """Lower the limit, because the provider refused a call as one too many. Called while holding the slot."""
        with self._lock:
            self._successes = 0
        self._pool.change_limit(CallLimit.lowered)

    def on_success(self) -> None:
        with self._lock:
            self._successes += 1
            if self._successes < self.limit or self.limit >= self._grant.limit.max_calls:
                return
            self._successes = 0
        self._pool.change_limit(lambda limit, _: limit.raised())

    def set_max_calls(self, max_calls: int) -> None:
        """Set the maximum that the provider reports. The limit becomes the same, or the `cap`."""
        reported = int(max(1, min(max_calls, self._cap)))
        if self._grant.limit != CallLimit(reported, reported):
            self._pool.change_limit(lambda limit, _: limit.reported(reported))

    # The side of the pool (SlotHolder)

    def demand(self) -> Demand:
        with self._lock:
            queue = self._queue
            return Demand(queue.active, queue.waiting, queue.clients, self._returned, self._admissions)

    def shrink(self, slots: int) -> int:
        with self._lock:
            self._queue.capacity = min(self._queue.capacity, slots)
            return self._queue.active

    def on_granted(self, grant: Grant, *, returned: int) -> None:
        with self._lock:
            if grant.limit.calls < self._grant.limit.calls:
                self._successes = 0
            self._grant = grant
            self._returned -= returned
            self._queue.resize(max(0, grant.slots - self._returned))

    # Slots

    def _acquire(self, client: str, timeout: float) -> None:
        with self._lock:
            self._check_expiry()
            self._admissions += 1
            turn = self._queue.acquire(client, threading.Event)
        if turn is None:
            return
        self._pool.request()
        if turn.wait(timeout):
            return
        with self._lock:
            if turn.is_set():  # the slot was granted at the last moment
                return
            self._queue.leave(client, turn)
            wait = math.ceil(self._mean_seconds * (self.waiting + self.running) / max(1, self._queue.capacity))
        self._pool.request()  # another process may have the slot that this call would have got
        raise ProviderBusy(
            f"{self._title} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s.",
            retry_after_seconds=max(1, wait),
        )

    def _release(self, client: str, seconds: float) -> None:
        with self._lock:
            self._mean_seconds = _DECAY * self._mean_seconds + (1 - _DECAY) * seconds
            self._check_expiry()
            must_return = self._grant.must_return
            if must_return:  # before the release, which would admit the next call of this process
                self._returned += 1
                self._queue.capacity = max(0, self._queue.capacity - 1)
            self._queue.release(client)
        if must_return:
            self._pool.request()

    def _check_expiry(self) -> None:
        """Begin no call with slots that other processes may have got meanwhile."""
        if self._clock() >= self._grant.expires_at:
            self._queue.capacity = 0
