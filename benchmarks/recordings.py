"""Loads the benchmark's real recordings: eight speakers, and ten strangers for comparison."""

from __future__ import annotations

import csv
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray


@dataclass(frozen=True)
class Speaker:
    name: str
    reference: Path
    heldout: list[Path]


def speech_folder() -> Path:
    folder = Path(os.environ.get("VOXPORT_SPEECH_DIR") or Path(__file__).parents[2] / "shared" / "speech")
    if not (folder / "PAIRS.tsv").is_file():
        raise SystemExit("There are no recordings: set VOXPORT_SPEECH_DIR to the folder that holds PAIRS.tsv.")
    return folder


def speakers(folder: Path) -> list[Speaker]:
    with (folder / "PAIRS.tsv").open(encoding="utf-8") as table:
        return [
            Speaker(row["speaker"], folder / row["reference"], [folder / name for name in row["heldout"].split(",")])
            for row in csv.DictReader(table, delimiter="\t")
        ]


def cohort(folder: Path) -> list[Path]:
    return sorted((folder / "cohort").glob("*.flac"))


def load(path: Path) -> FloatArray:
    """Return the audio as float32 mono at 24 kHz."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")
