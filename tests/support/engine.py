"""Fixtures of the engine, loaded once per test process, and of real recordings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine, EngineProcess
from voxport.text.phonemizer import Phonemizer


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    # Two test processes share two cores.
    engine = Engine.load(threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def phonemizer() -> Iterator[Phonemizer]:
    phonemizer = Phonemizer()
    yield phonemizer
    phonemizer.close()


@pytest.fixture
def process() -> Iterator[EngineProcess]:
    """An engine process whose fits take two steps; `engine` runs the whole fit."""
    process = EngineProcess(threads=1, fit_steps=2)
    yield process
    process.close()


@pytest.fixture(scope="session")
def recording() -> Callable[[str], FloatArray]:
    """Loads a real recording by its name in the speech folder: float32, mono, 24 kHz. Skips the test if the folder is
    absent."""
    folder = Path(os.environ.get("VOXPORT_SPEECH_DIR") or Path(__file__).parents[3] / "shared" / "speech")
    if not (folder / "PAIRS.tsv").is_file():
        pytest.skip("no real recordings here: set VOXPORT_SPEECH_DIR to the folder of real speech")

    def load(name: str) -> FloatArray:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(folder / name)]
        command += ["-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
        return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")

    return load
