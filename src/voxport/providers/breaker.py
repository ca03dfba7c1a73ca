"""A circuit breaker: while a provider keeps failing, calls fail at once instead of after a timeout.

closed ── several failures in a row ──▶ open ── after a while ──▶ half open ── one call: good ──▶ closed
                                          ▲                            └────── bad: longer ──▶ open
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

_MAX_FAILURES: Final = 5
_MIN_OPEN_SECONDS: Final = 10.0
_MAX_OPEN_SECONDS: Final = 300.0

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class Permit:
    """Permission for one call. `epoch` counts how often the breaker has opened or closed; the result of a call from an
    earlier epoch is ignored."""

    epoch: int
    is_trial: bool


class Breaker:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._open_seconds = _MIN_OPEN_SECONDS
        self._epoch = 0
        self._has_trial = False
        # Reentrant: garbage collection of a generator may end its call in the thread that holds the lock.
        self._lock = threading.RLock()

    @property
    def state(self) -> BreakerState:
        with self._lock:
            if self._open_until is None:
                return "closed"
            return "open" if self._clock() < self._open_until else "half_open"

    def seconds_left(self) -> int | None:
        """Seconds until the next trial call, rounded up; None if calls are allowed."""
        with self._lock:
            left = 0.0 if self._open_until is None else self._open_until - self._clock()
            return math.ceil(left) if left > 0 else None

    def acquire(self) -> Permit | None:
        """Return a permit if a call is allowed, else None. While half open, only one caller gets one. Each permit must
        be returned once, by one of the three methods below."""
        with self._lock:
            if self._open_until is None:
                return Permit(self._epoch, is_trial=False)
            if self._clock() < self._open_until or self._has_trial:
                return None
            self._has_trial = True
            return Permit(self._epoch, is_trial=True)

    def record_success(self, permit: Permit) -> None:
        with self._lock:
            if permit.epoch != self._epoch:
                return
            if permit.is_trial:
                self._change(None)
            self._failures, self._open_seconds = 0, _MIN_OPEN_SECONDS

    def record_failure(self, permit: Permit) -> None:
        """Record that the call failed because of the provider."""
        with self._lock:
            if permit.epoch != self._epoch:
                return
            self._failures += 1
            if permit.is_trial:
                self._open_seconds = min(2 * self._open_seconds, _MAX_OPEN_SECONDS)
            if permit.is_trial or self._failures >= _MAX_FAILURES:
                self._change(self._clock() + self._open_seconds)

    def release(self, permit: Permit) -> None:
        """Return the permit of a call that ended without a verdict on the provider, as when its caller went away."""
        with self._lock:
            if permit.is_trial and permit.epoch == self._epoch:
                self._has_trial = False

    def _change(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._failures, self._has_trial = 0, False
        self._epoch += 1
