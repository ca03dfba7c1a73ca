"""How many calls a provider gets from us at once: as many as it takes, and fairly shared between those who wait.

The limit finds itself (additive increase, multiplicative decrease, as TCP does): a refusal for too many calls brings
it to under what ran, and each round of calls that all went well raises it by one, up to what is allowed. What the
provider says of itself is believed at once. Who was served least lately gets the next place, and what runs counts once
more: a client with a thousand calls does not starve one with two, nor the one that came first all others.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Final

from voxport.errors import ProviderBusy

_DECAY: Final = 0.9
"""What is left of how often a client was served, and of the mean duration, with each further call."""


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
        self._limit = min(initial_calls, max_calls)
        self._timeout = timeout
        self._clock = clock
        self._running: dict[str, int] = defaultdict(int)
        self._recent_calls: dict[str, float] = defaultdict(float)
        self._waiting: dict[str, deque[threading.Event]] = defaultdict(deque)
        self._successes = 0
        self._mean_seconds = 1.0  # of a call, a running mean
        # Reentrant: a generator that is collected while the lock is held leaves its place in the same thread.
        self._lock = threading.RLock()

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def running(self) -> int:
        return sum(self._running.values())

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
                self._release(client)

    def on_refused(self) -> None:
        """The provider had too many calls. Said by a call that was refused, from its place."""
        with self._lock:
            self._limit = max(1, min(self._limit, self.running) - 1)
            self._successes = 0

    def on_success(self) -> None:
        with self._lock:
            self._successes += 1
            if self._successes >= self._limit and self._limit < self._max_calls:
                self._limit += 1
                self._successes = 0
                self._admit_next()

    def set_max_calls(self, max_calls: int) -> None:
        """The provider says how many it takes."""
        with self._lock:
            self._max_calls = max(1, max_calls)
            self._limit = self._max_calls
            self._admit_next()

    def _acquire(self, client: str, timeout: float) -> None:
        with self._lock:
            if self.running < self._limit and not any(self._waiting.values()):
                self._admit(client)
                return
            turn = threading.Event()
            self._waiting[client].append(turn)
        if turn.wait(timeout):
            return
        with self._lock:
            if turn.is_set():  # called in the very last moment
                return
            self._waiting[client].remove(turn)
            ahead = sum(len(line) for line in self._waiting.values()) + self.running
            wait = math.ceil(self._mean_seconds * ahead / self._limit)
        raise ProviderBusy(
            f"{self._title} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s.",
            retry_after_seconds=max(1, wait),
        )

    def _admit(self, client: str) -> None:
        self._running[client] += 1
        for name in list(self._recent_calls):
            self._recent_calls[name] *= _DECAY
            if self._recent_calls[name] < 0.01:
                del self._recent_calls[name]
        self._recent_calls[client] += 1.0

    def _release(self, client: str) -> None:
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        self._admit_next()

    def _admit_next(self) -> None:
        while self.running < self._limit:
            waiting = [client for client, line in self._waiting.items() if line]
            if not waiting:
                self._waiting.clear()
                return
            client = min(waiting, key=lambda name: self._running.get(name, 0) + self._recent_calls.get(name, 0.0))
            self._admit(client)
            self._waiting[client].popleft().set()
