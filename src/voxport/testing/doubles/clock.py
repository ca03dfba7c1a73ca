"""A clock that a test turns."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970, ahead of the machine's clock by as much as it was turned."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def turn(self, *, days: float = 0.0, seconds: float = 0.0) -> None:
        self._ahead += days * 86_400 + seconds
