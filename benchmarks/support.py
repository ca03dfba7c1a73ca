"""Functions that several benchmarks use."""

from __future__ import annotations

import functools
import math
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from voxport.cli.synthetic import write_speaker


def describe_machine() -> str:
    """Describe the processor, and the load by other work."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}; load before: {load}\n"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile; `percent` is from 0 to 100."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def write_speaker_wav(path: Path) -> None:
    """Write the recording of `write_speaker`, made once per process because the engine takes seconds for it."""
    path.write_bytes(_speaker())


def find_sample(folder: Path) -> Path:
    """Return the first recording of the folder of real speech, else a synthetic speaker written to `folder`."""
    speech = os.environ.get("VOXPORT_SPEECH_DIR")
    if speech:
        row = (Path(speech) / "PAIRS.tsv").read_text().splitlines()[1].split("\t")
        return Path(speech) / row[2]
    sample = folder / "sample.wav"
    write_speaker_wav(sample)
    return sample


@functools.cache
def _speaker() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speaker.wav"
        write_speaker(path)
        return path.read_bytes()
