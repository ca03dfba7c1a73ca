"""A clock that tests advance."""

from __future__ import annotations

import time


class ManualClock:
    """Returns seconds since 1970, offset from the system clock by the time advanced.

    A `frozen` clock moves only when advanced, so that a slow machine doesn't affect the result.
    """

    def __init__(self, *, frozen: bool = False) -> None:
        self._ahead = 0.0
        self._frozen_at = time.time() if frozen else None

    def now(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self._ahead

    def advance(self, *, days: float = 0.0, seconds: float = 0.0) -> None:
        self._ahead += days * 86_400 + seconds
