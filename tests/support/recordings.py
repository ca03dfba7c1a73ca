"""The folder of real recordings."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recording:
    """A row of the recordings' MANIFEST.tsv."""

    path: str
    kind: str
    seconds: float
    expect: str


def speech_folder() -> Path | None:
    """The folder of real recordings, or None where it is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "speech"
    folder = Path(os.environ.get("VOXPORT_SPEECH_DIR") or beside)
    return folder if (folder / "MANIFEST.tsv").is_file() else None


def manifest() -> list[Recording]:
    folder = speech_folder()
    if folder is None:
        return []
    with (folder / "MANIFEST.tsv").open(newline="") as table:
        rows = csv.DictReader(table, delimiter="\t")
        return [Recording(row["path"], row["kind"], float(row["seconds"]), row["expect"]) for row in rows]
