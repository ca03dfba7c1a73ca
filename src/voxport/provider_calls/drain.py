"""The parts of jobs that this process is paying for, so that it can end between two of them."""

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
        """A part; where the process is ending, none begins: the thread waits for that end."""
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
        """Let no part begin any more, and wait for those that are under way, for so long at most."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._is_draining = True
            while self._active_parts and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
