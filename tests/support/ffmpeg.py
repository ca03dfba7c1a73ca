"""The fixture of ffmpeg's path."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxport.audio.codec.ffmpeg import find_ffmpeg


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    return find_ffmpeg()
