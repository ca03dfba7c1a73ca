"""Coordinates deletions with backups: while a backup runs, a deleted file is moved aside instead of removed.

A backup copies the database first and then the files that it names, which takes a while. The lock is a kernel lock
(`flock`), so a killed backup does not block deletions.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

_TIMEOUT_SECONDS = 10.0


class BackupRunning(Exception):
    """Another backup is running."""


class DeletionLock:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.deferred = root / ".kept"
        """Holds the files deleted during a backup, under their keys."""

    @contextlib.contextmanager
    def deletion(self) -> Iterator[bool]:
        """Yields True if a backup is running, so that files must be moved aside. No backup starts during the block."""
        with self._root_descriptor() as descriptor:
            yield not _try_lock(descriptor, fcntl.LOCK_SH)

    @contextlib.contextmanager
    def hold_deletions(self) -> Iterator[None]:
        """Keeps every file that exists now until the end of the block. Raises BackupRunning."""
        with self._root_descriptor() as descriptor:
            deadline = time.monotonic() + _TIMEOUT_SECONDS
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise BackupRunning
                time.sleep(0.01)
            try:
                yield
            finally:
                shutil.rmtree(self.deferred, ignore_errors=True)

    def sweep(self) -> None:
        """Removes files moved aside at the very end of a backup, or for a backup that was killed."""
        with self.deletion() as is_deferred:
            if not is_deferred and self.deferred.exists():
                shutil.rmtree(self.deferred)

    @contextlib.contextmanager
    def _root_descriptor(self) -> Iterator[int]:
        # The lock is on the folder itself.
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
