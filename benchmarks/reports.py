"""Stores figures of benchmarks as JSON, of which pages are made: docs/reliability.md and docs/speech-control.md.

python scripts/write_reliability_doc.py
python scripts/write_speech_control_doc.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.support import describe_machine

RESULTS = Path(__file__).resolve().parent / "results"
_RESULTS_DIR = "VOXPORT_RESULTS_DIR"
_MACHINE = describe_machine().strip()  # taken at import: after a run, the load average would include the run


@dataclass(frozen=True)
class Report:
    """A section of the page. `command` is the command that made it, `summary` has sentences with the figures, and
    `columns` and `rows` form the table below them. `passed` says whether every check passed."""

    title: str
    command: str
    passed: bool
    summary: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | int | float]] = ()
    machine: str = _MACHINE


def write(name: str, report: Report, *, page: str = "reliability") -> Path:
    """Write the figures to `results/{page}/{name}.json`, or to the folder in VOXPORT_RESULTS_DIR: figures of a shorter
    run don't belong on the page."""
    folder = Path(os.environ.get(_RESULTS_DIR) or RESULTS / page)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def read_all(page: str = "reliability") -> dict[str, Report]:
    """Return the stored reports of a page by name."""
    folder = RESULTS / page
    return {path.stem: Report(**json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.json"))}
