"""How many calls a provider gets from us at once: as many as it takes, and fairly shared between those who wait.

The limit finds itself (additive increase, multiplicative decrease, as TCP does): a refusal for too many calls brings
it to under what ran, and each round of calls that all went well raises it by one, up to what is allowed. What the
provider says of itself is believed at once.
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

_DECAY: Final = 0.9
"""What is left of the mean duration with each further call."""


class Limiter:
    """`max_calls` calls at once, `initial_calls` of them until the provider was asked; who waits longer than `timeout`
    seconds is told to come again."""

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
        self._mean_seconds = 1.0  # of a call, a running mean
        # Reentrant: a generator that is collected while the lock is held leaves its place in the same thread.
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

    @contextlib.contextmanager
    def slot(self, client: str, *, timeout: float | None = None) -> Iterator[None]:
        """One of the places, for the time of the block; `timeout` in seconds. Raises ProviderBusy."""
        self._acquire(client, self._timeout if timeout is None else max(0.0, timeout))
        start = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._mean_seconds = _DECAY * self._mean_seconds + (1 - _DECAY) * (self._clock() - start)
                self._queue.release(client)

    def on_refused(self) -> None:
        """The provider had too many calls. Said by a call that was refused, from its place."""
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
        """The provider says how many it takes."""
        with self._lock:
            self._max_calls = max(1, max_calls)
            self._queue.resize(self._max_calls)

    def _acquire(self, client: str, timeout: float) -> None:
        with self._lock:
            turn = self._queue.acquire(client, threading.Event)
        if turn is None or turn.wait(timeout):
            return
        with self._lock:
            if turn.is_set():  # called in the very last moment
                return
            self._queue.leave(client, turn)
            wait = math.ceil(self._mean_seconds * (self.waiting + self.running) / self.limit)
        raise ProviderBusy(
            f"{self._title} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s.",
            retry_after_seconds=max(1, wait),
        )
