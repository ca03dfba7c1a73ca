"""Counts the paid parts of jobs under way in this process, so that a shutdown can wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class PaidPartTracker:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active_parts = 0
        self._is_draining = False

    @contextmanager
    def track(self) -> Iterator[None]:
        """Count a part for the duration of the block. While the process is draining, this blocks for good."""
        with self._changed:
            while self._is_draining:
                self._changed.wait()
            self._active_parts += 1
        try:
            yield
        finally:
            with self._changed:
                self._active_parts -= 1
                self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Let no further part begin, and wait up to `seconds` for those under way."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._is_draining = True
            while self._active_parts and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
