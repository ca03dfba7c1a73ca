"""The cache folder, for files that can be recomputed: the split model and dictionaries."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def default_cache() -> Path:
    """Return `$XDG_CACHE_HOME/voxport`, else `~/.cache/voxport`."""
    base = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME') or tempfile.gettempdir()}/.cache"
    return Path(base) / "voxport"
