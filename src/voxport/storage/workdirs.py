"""Creates temporary work folders, and removes those that killed processes left behind.

Each process holds a lock (`flock`) on its folders until it ends, however it ends. A folder whose lock is free is
abandoned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "voxport-tmp-"
_GRACE_SECONDS = 10.0  # allowed between creating a folder and locking it


@contextlib.contextmanager
def work_dir() -> Iterator[Path]:
    """Creates an empty folder and removes it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mark_in_use(descriptor)
            yield Path(name)
        finally:
            os.close(descriptor)


def sweep_work_dirs() -> int:
    """Removes work folders of killed processes from the system's temporary folder. Returns how many were removed."""
    return sum(is_abandoned(path) and _remove(path) for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))


def mark_in_use(descriptor: int) -> None:
    """Marks an open file or folder as in use by this process until it is closed. Does nothing if the file system does
    not support locks."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_abandoned(path: Path) -> bool:
    """Returns True if no process works on the file or folder any more; False if that is unknown."""
    try:
        # A time in the future dates from before the clock was set back.
        if 0 <= time.time() - path.stat().st_mtime < _GRACE_SECONDS:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it was just removed
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _remove(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()
