"""A clock that a test turns."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970, ahead of the machine's clock by as much as it was turned. One that `stands` moves only when
    it is turned, so that a slow machine changes nothing."""

    def __init__(self, *, stands: bool = False) -> None:
        self._ahead = 0.0
        self._stands_at = time.time() if stands else None

    def now(self) -> float:
        return (time.time() if self._stands_at is None else self._stands_at) + self._ahead

    def turn(self, *, days: float = 0.0, seconds: float = 0.0) -> None:
        self._ahead += days * 86_400 + seconds
