"""Waits for a file descriptor, or for another thread of this process."""

from __future__ import annotations

import contextlib
import os
import select
import threading


class WakePipe:
    """`wait` ends when `wake` is called, by any thread. Several calls may end one `wait`."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # A descriptor that is closed is soon another file's: none is used or closed once it is.
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Does nothing once the pipe is closed."""
        with self._lock, contextlib.suppress(OSError):  # a full pipe wakes as well
            os.write(self._writer, b"\n")

    def wait(self, descriptor: int | None, timeout: float | None) -> bool:
        """Wait for `wake`, or until `descriptor` is readable, for at most `timeout` seconds. Returns whether
        `descriptor` is."""
        watched = select.poll()
        watched.register(self._reader, select.POLLIN)
        if descriptor is not None:
            watched.register(descriptor, select.POLLIN)
        ready = [number for number, _ in watched.poll(None if timeout is None else timeout * 1000)]
        if self._reader in ready:
            os.read(self._reader, 1 << 16)
        return descriptor is not None and descriptor in ready

    def close(self) -> None:
        """Does nothing the second time."""
        with self._lock:
            if self._writer != -1:
                writer, self._writer = self._writer, -1
                os.close(writer)
                os.close(self._reader)
