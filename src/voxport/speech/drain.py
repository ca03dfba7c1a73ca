"""The parts of jobs that this process is paying for, so that it can end between two of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class PaidParts:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._is_ending = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """A part; where the process is ending, none begins: the thread waits for that end."""
        with self._changed:
            while self._is_ending:
                self._changed.wait()
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Let no part begin any more, and wait for those that are under way, for so long at most."""
        until = time.monotonic() + seconds
        with self._changed:
            self._is_ending = True
            while self._under_way and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
