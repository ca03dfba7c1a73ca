"""A provider that fails again and again is left alone for a while: callers hear at once, and not after a time-out.

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

_FAILURES: Final = 5
_FIRST_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 300.0

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class Ticket:
    """A call that may be made. `era` counts how often the breaker opened or closed: a call of an earlier era says
    nothing of now."""

    era: int
    is_trial: bool


class Breaker:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._seconds = _FIRST_SECONDS
        self._era = 0
        self._is_tried = False
        # Reentrant: a generator that is collected while the lock is held ends its call in the same thread.
        self._guard = threading.RLock()

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

    def begin(self) -> Ticket | None:
        """A ticket where a call may be made, None where not; of those that ask while it is half open, one gets one.
        Each ticket is given back once, by one of the three below."""
        with self._guard:
            if self._open_until is None:
                return Ticket(self._era, is_trial=False)
            if self._clock() < self._open_until or self._is_tried:
                return None
            self._is_tried = True
            return Ticket(self._era, is_trial=True)

    def succeeded(self, ticket: Ticket) -> None:
        with self._guard:
            if ticket.era != self._era:
                return
            if ticket.is_trial:
                self._change(None)
            self._failures, self._seconds = 0, _FIRST_SECONDS

    def failed(self, ticket: Ticket) -> None:
        """The call failed by the provider's fault."""
        with self._guard:
            if ticket.era != self._era:
                return
            self._failures += 1
            if ticket.is_trial:
                self._seconds = min(2 * self._seconds, _LONGEST_SECONDS)
            if ticket.is_trial or self._failures >= _FAILURES:
                self._change(self._clock() + self._seconds)

    def undecided(self, ticket: Ticket) -> None:
        """The call ended without saying anything of the provider: its caller went away."""
        with self._guard:
            if ticket.is_trial and ticket.era == self._era:
                self._is_tried = False

    def _change(self, open_until: float | None) -> None:
        self._open_until = open_until
        self._failures, self._is_tried = 0, False
        self._era += 1
