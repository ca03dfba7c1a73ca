"""Waits for a change of files, for `voxport script render --watch`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.5

Stamp = tuple[tuple[int, int], ...]
"""Time of change in nanoseconds and size of each file; (0, 0) for one that is not there."""


def stamp_of(paths: Sequence[Path]) -> Stamp:
    return tuple(map(_stamp, paths))


def wait_for_change(paths: Sequence[Path], last: Stamp, *, sleep: Callable[[float], None] = time.sleep) -> Stamp:
    """Return once the files are others than at `last`, and have stayed the same for one look, so that an editor has
    written all of them. A file that is away for a moment, as while an editor replaces it, is waited for."""
    before = last
    while True:
        sleep(_POLL_SECONDS)
        now = stamp_of(paths)
        if now == before and now != last and (0, 0) not in now:
            return now
        before = now


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
