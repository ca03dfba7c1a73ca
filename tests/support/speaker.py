"""A recording of the demo's synthetic speaker that is just long enough for a clone."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from voxport.cli.synthetic import write_speaker

_TEXT = (
    "Every morning I walk along the harbour before the town wakes up. The fishermen are already there, mending their "
    "nets and talking quietly about the weather."
)


@functools.cache
def short_speaker() -> bytes:
    """Eight seconds as WAV, created once per process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speaker.wav"
        write_speaker(path, _TEXT)
        return path.read_bytes()
