"""Folders for work that is under way, and what is left of those whose process was killed.

Each is locked (`flock`) for as long as its process lives, in whatever way that ends: a folder whose lock can be taken
belongs to nobody.
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
_GRACE_SECONDS = 10.0  # between a folder's making and its lock


@contextlib.contextmanager
def work_dir() -> Iterator[Path]:
    """An empty folder that goes with the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mark_in_use(descriptor)
            yield Path(name)
        finally:
            os.close(descriptor)


def sweep_work_dirs() -> int:
    """Remove what killed processes left in the machine's folder for temporary files; how many folders."""
    return sum(is_abandoned(path) and _remove(path) for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))


def mark_in_use(descriptor: int) -> None:
    """Show, until it is closed, that this process works on an open file or folder. Where the file system knows no
    locks, nothing is shown."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_abandoned(path: Path) -> bool:
    """Whether nobody works on a file or folder any more; False where that can't be known."""
    try:
        # From the future is one of before the clock was set back.
        if 0 <= time.time() - path.stat().st_mtime < _GRACE_SECONDS:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it has just gone
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
