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

_MEMORY: Final = 0.9
"""What is left of how often a client was served, and of the mean duration, with each further call."""


class Limiter:
    """`most` calls at once, `start` of them until the provider was asked; who waits longer than `patience` seconds is
    told to come again."""

    def __init__(
        self,
        title: str,
        *,
        most: int,
        start: int,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._most = most
        self._limit = min(start, most)
        self._patience = patience
        self._clock = clock
        self._running: dict[str, int] = defaultdict(int)
        self._served: dict[str, float] = defaultdict(float)
        self._waiting: dict[str, deque[threading.Event]] = defaultdict(deque)
        self._went_well = 0
        self._seconds = 1.0  # of a call, a running mean
        # Reentrant: a generator that is collected while the lock is held leaves its place in the same thread.
        self._guard = threading.RLock()

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def running(self) -> int:
        return sum(self._running.values())

    @contextlib.contextmanager
    def place(self, client: str, *, patience: float | None = None) -> Iterator[None]:
        """One of the places, for the time of the block; `patience` in seconds. Raises ProviderBusy."""
        self._enter(client, self._patience if patience is None else max(0.0, patience))
        start = self._clock()
        try:
            yield
        finally:
            with self._guard:
                self._seconds = _MEMORY * self._seconds + (1 - _MEMORY) * (self._clock() - start)
                self._leave(client)

    def refused(self) -> None:
        """The provider had too many calls. Said by a call that was refused, from its place."""
        with self._guard:
            self._limit = max(1, min(self._limit, self.running) - 1)
            self._went_well = 0

    def went_well(self) -> None:
        with self._guard:
            self._went_well += 1
            if self._went_well >= self._limit and self._limit < self._most:
                self._limit += 1
                self._went_well = 0
                self._call_next()

    def allowed(self, most: int) -> None:
        """The provider says how many it takes."""
        with self._guard:
            self._most = max(1, most)
            self._limit = self._most
            self._call_next()

    def _enter(self, client: str, patience: float) -> None:
        with self._guard:
            if self.running < self._limit and not any(self._waiting.values()):
                self._take(client)
                return
            turn = threading.Event()
            self._waiting[client].append(turn)
        if turn.wait(patience):
            return
        with self._guard:
            if turn.is_set():  # called in the very last moment
                return
            self._waiting[client].remove(turn)
            ahead = sum(len(line) for line in self._waiting.values()) + self.running
            wait = math.ceil(self._seconds * ahead / self._limit)
        raise ProviderBusy(
            f"{self._title} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s.",
            retry_after_seconds=max(1, wait),
        )

    def _take(self, client: str) -> None:
        self._running[client] += 1
        for name in list(self._served):
            self._served[name] *= _MEMORY
            if self._served[name] < 0.01:
                del self._served[name]
        self._served[client] += 1.0

    def _leave(self, client: str) -> None:
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        self._call_next()

    def _call_next(self) -> None:
        while self.running < self._limit:
            waiting = [client for client, line in self._waiting.items() if line]
            if not waiting:
                self._waiting.clear()
                return
            client = min(waiting, key=lambda name: self._running.get(name, 0) + self._served.get(name, 0.0))
            self._take(client)
            self._waiting[client].popleft().set()
