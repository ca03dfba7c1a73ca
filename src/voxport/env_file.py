"""The `.env` file of the folder in which `voxport` is started, and whether to read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

ENV_FILE: Final = ".env"


def distrust_of_env_file() -> str | None:
    """Return a sentence that says why `.env` is not read: other users may write it, and its settings name programs that
    run and hosts that get keys. None for one that is read, or is not there."""
    path = Path(ENV_FILE)
    try:
        found = [path.lstat(), path.stat()]
    except OSError:
        return None
    if any(one.st_uid not in (0, os.geteuid()) for one in found):
        return f"{path.absolute()} belongs to another user, so it is not read."
    if found[1].st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"Other users may write {path.absolute()}, so it is not read: chmod go-w {ENV_FILE}"
    return None
