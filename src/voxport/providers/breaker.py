"""A provider that fails again and again is left alone for a while: callers hear at once, and not after a time-out.

closed ── several failures in a row ──▶ open ── after a while ──▶ half open ── one call: good ──▶ closed
                                          ▲                            └────── bad: longer ──▶ open
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

_FAILURES: Final = 5
_FIRST_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 300.0

State = Literal["closed", "open", "half_open"]


class Breaker:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._seconds = _FIRST_SECONDS
        self._is_tried = False
        self._guard = threading.Lock()

    @property
    def state(self) -> State:
        with self._guard:
            if self._open_until is None:
                return "closed"
            return "open" if self._clock() < self._open_until else "half_open"

    def seconds_left(self) -> int | None:
        """Until the next try, rounded up; None where calls may be made."""
        with self._guard:
            left = 0.0 if self._open_until is None else self._open_until - self._clock()
            return math.ceil(left) if left > 0 else None

    def may_call(self) -> bool:
        """Whether a call may be made; of those that ask while it is half open, one."""
        with self._guard:
            if self._open_until is None:
                return True
            if self._clock() < self._open_until or self._is_tried:
                return False
            self._is_tried = True
            return True

    def succeeded(self) -> None:
        with self._guard:
            self._failures, self._open_until, self._is_tried = 0, None, False
            self._seconds = _FIRST_SECONDS

    def failed(self) -> None:
        """A call failed by the provider's fault."""
        with self._guard:
            self._failures += 1
            if self._is_tried:
                self._seconds = min(2 * self._seconds, _LONGEST_SECONDS)
            if self._is_tried or self._failures >= _FAILURES:
                self._open_until = self._clock() + self._seconds
                self._is_tried = False

    def undecided(self) -> None:
        """A call ended without saying anything of the provider: its caller went away."""
        with self._guard:
            self._is_tried = False
