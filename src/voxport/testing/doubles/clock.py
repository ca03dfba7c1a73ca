"""A clock that a test turns."""

from __future__ import annotations

import time


class ManualClock:
    """Seconds since 1970, ahead of the machine's clock by as much as it was turned. One that `frozen` moves only when
    it is turned, so that a slow machine changes nothing."""

    def __init__(self, *, frozen: bool = False) -> None:
        self._ahead = 0.0
        self._frozen_at = time.time() if frozen else None

    def now(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self._ahead

    def advance(self, *, days: float = 0.0, seconds: float = 0.0) -> None:
        self._ahead += days * 86_400 + seconds
