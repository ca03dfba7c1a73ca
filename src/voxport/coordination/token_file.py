"""The fill of token buckets, in a file that the processes of one machine map into their memory.

A process locks the file for the microseconds of a change, by a lock of the kernel that ends with the process. It waits
50 ms at most for another one, which may have been stopped just then, and goes on without the lock after that. So a
value is also compared before it is replaced: of two calls that come in the same tenth of a microsecond one may then go
uncounted. A value is eight aligned bytes, never seen half written.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final

_SETS: Final = 8192
_WAYS: Final = 8
_ENTRY_BYTES: Final = 16
_BYTES: Final = _SETS * _WAYS * _ENTRY_BYTES
_LOCK_SECONDS: Final = 0.05
_YIELDS: Final = 20
"""How often another process is let run before this one sleeps."""
_MIN_UNLOCKED_SECONDS: Final = 0.01
_MAX_UNLOCKED_SECONDS: Final = 1.0
"""How long the lock is not tried again after it was not to be had, at first and at last."""


class TokenFile:
    """Stores a float for each of at most 65,536 names: when the name's bucket is full again, by a clock that the
    processes share. Where there are too many names, those whose buckets are full soonest are forgotten."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "rb+", 0)
        self._descriptor = self._file.fileno()
        # Locked, so that no process writes zeros over what another one has counted.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._descriptor).st_size
            # Written, not only made longer: a page that no disk space is left for would end the process.
            if size < _BYTES:
                size += os.pwrite(self._descriptor, bytes(_BYTES - size), size)
        finally:
            self.unlock()
        if size < _BYTES:
            raise OSError("no room for the file of rate limits")
        view = memoryview(mmap.mmap(self._descriptor, _BYTES))
        self._unlocked_until = 0.0
        self._unlocked_seconds = _MIN_UNLOCKED_SECONDS
        # An entry is a hash of its name, and its value.
        self._hashes = view.cast("Q")
        self._values = view.cast("d")

    def lock(self) -> None:
        """Keep other processes from changing anything until `unlock`, if that is possible soon."""
        attempts, deadline = 0, 0.0
        while not self._try_lock():
            now = time.monotonic()
            deadline = deadline or now + _LOCK_SECONDS
            if now < self._unlocked_until:
                return
            if now > deadline:
                self._unlocked_until = now + self._unlocked_seconds
                self._unlocked_seconds = min(2 * self._unlocked_seconds, _MAX_UNLOCKED_SECONDS)
                return
            attempts += 1
            if attempts < _YIELDS:
                os.sched_yield()
            else:
                time.sleep(0.0002)

    def unlock(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def get(self, name: str) -> float:
        """Return the value of a name, 0.0 if it has none."""
        wanted, first = _place(name)
        hashes = self._hashes
        for index in range(first, first + 2 * _WAYS, 2):
            if hashes[index] == wanted:
                return self._values[index + 1]
        return 0.0

    def replace(self, name: str, before: float, value: float) -> bool:
        """Set the value of a name, unless it is not `before` any more, because another process did not get the lock.
        Returns whether it is set."""
        wanted, first = _place(name)
        hashes, values = self._hashes, self._values
        oldest, oldest_value = first, values[first + 1]
        for index in range(first, first + 2 * _WAYS, 2):
            if hashes[index] == wanted:
                if values[index + 1] != before:
                    return False
                values[index + 1] = value
                return True
            if values[index + 1] < oldest_value:
                oldest, oldest_value = index, values[index + 1]
        values[oldest + 1] = value
        hashes[oldest] = wanted
        return True

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._unlocked_seconds = _MIN_UNLOCKED_SECONDS
        return True


def _place(name: str) -> tuple[int, int]:
    """Return the hash of a name, which is not 0, and the first index of its set."""
    number = int.from_bytes(blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest())
    return number or 1, (number % _SETS) * 2 * _WAYS
