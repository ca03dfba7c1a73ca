"""Deletions and backups: while a backup is being taken, a deleted file is put aside instead of removed.

A backup takes the database first and then the files that it names, which takes a while. The lock is the kernel's, so
that a backup that was killed keeps nothing from being deleted.
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
    """Another backup is being taken."""


class DeletionLock:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.deferred = root / ".kept"
        """Files that were deleted meanwhile, under their keys."""

    @contextlib.contextmanager
    def deletion(self) -> Iterator[bool]:
        """Whether a file has to be put aside: a backup is being taken. None begins before the end of the block."""
        with self._root_descriptor() as descriptor:
            yield not _try_lock(descriptor, fcntl.LOCK_SH)

    @contextlib.contextmanager
    def hold_deletions(self) -> Iterator[None]:
        """Nothing that is there now is removed before the end of the block. Raises BackupRunning."""
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
        """Remove what was put aside in the last moment of a backup, or for one that was killed."""
        with self.deletion() as is_deferred:
            if not is_deferred and self.deferred.exists():
                shutil.rmtree(self.deferred)

    @contextlib.contextmanager
    def _root_descriptor(self) -> Iterator[int]:
        # The folder itself is what is locked.
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
