"""Counts the paid parts of jobs under way in this process, so that a shutdown can wait for them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class PaidPartTracker:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active = Counter[str]()
        self._is_draining = False

    @contextmanager
    def track(self, job_id: str) -> Iterator[None]:
        """Count a part for the duration of the block. While the process is draining, this blocks for good."""
        with self._changed:
            while self._is_draining:
                self._changed.wait()
            self._active[job_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._active[job_id] -= 1
                self._active += Counter()  # without the zeros
                self._changed.notify_all()

    def is_active(self, job_id: str) -> bool:
        with self._changed:
            return self._active[job_id] > 0

    def drain(self, seconds: float) -> None:
        """Let no further part begin, and wait up to `seconds` for those under way."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._is_draining = True
            while self._active and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
