"""Limits the concurrent calls to a provider, and shares them fairly between waiting clients.

The limit adapts as in TCP: a refusal for too many calls lowers it to one less than the calls that ran, and each round
of successful calls raises it by one, up to the maximum. A maximum that the provider reports takes effect at once.
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

_DECAY: Final = 0.9
"""The weight of the previous mean in the running mean of call durations."""


class Limiter:
    """Allows up to `max_calls` concurrent calls, starting at `initial_calls`. A caller that waits longer than `timeout`
    seconds gets ProviderBusy."""

    def __init__(
        self,
        title: str,
        *,
        max_calls: int,
        initial_calls: int,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._max_calls = max_calls
        self._timeout = timeout
        self._clock = clock
        self._queue = FairQueue[threading.Event](min(initial_calls, max_calls), threading.Event.set)
        self._successes = 0
        self._mean_seconds = 1.0  # running mean of a call's duration
        # Reentrant: garbage collection of a generator may release its slot in the thread that holds the lock.
        self._lock = threading.RLock()

    @property
    def limit(self) -> int:
        return self._queue.capacity

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
            with self._lock:
                self._mean_seconds = _DECAY * self._mean_seconds + (1 - _DECAY) * (self._clock() - start)
                self._queue.release(client)

    def on_refused(self) -> None:
        """Lower the limit, because the provider refused a call as one too many. Called while holding the slot."""
        with self._lock:
            self._queue.resize(max(1, min(self.limit, self.running) - 1))
            self._successes = 0

    def on_success(self) -> None:
        with self._lock:
            self._successes += 1
            if self._successes >= self.limit and self.limit < self._max_calls:
                self._queue.resize(self.limit + 1)
                self._successes = 0

    def set_max_calls(self, max_calls: int) -> None:
        """Set the maximum that the provider reports. The limit becomes the same."""
        with self._lock:
            self._max_calls = max(1, max_calls)
            self._queue.resize(self._max_calls)

    def _acquire(self, client: str, timeout: float) -> None:
        with self._lock:
            turn = self._queue.acquire(client, threading.Event)
        if turn is None or turn.wait(timeout):
            return
        with self._lock:
            if turn.is_set():  # the slot was granted at the last moment
                return
            self._queue.leave(client, turn)
            wait = math.ceil(self._mean_seconds * (self.waiting + self.running) / self.limit)
        raise ProviderBusy(
            f"{self._title} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s.",
            retry_after_seconds=max(1, wait),
        )
