"""What the benchmarks of reliability share: each writes its figures as JSON, and docs/reliability.md is made of them.

python scripts/write_reliability_doc.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.support import describe_machine

RESULTS = Path(__file__).resolve().parent / "results" / "reliability"
_RESULTS_DIR = "VOXPORT_RESULTS_DIR"
_MACHINE = describe_machine().strip()  # as this was imported: after a run the load is the run's own


@dataclass(frozen=True)
class Report:
    """A section of the page. `command` is what made it, `summary` its sentences with the figures, and the table below
    them is `columns` over `rows`. `passed`: whether everything was as it must be."""

    title: str
    command: str
    passed: bool
    summary: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | int | float]] = ()
    machine: str = _MACHINE


def write(name: str, report: Report) -> Path:
    """Keep the figures as `results/reliability/{name}.json`, or in the folder that VOXPORT_RESULTS_DIR names: those of
    a shorter run are not for the page."""
    folder = Path(os.environ.get(_RESULTS_DIR) or RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def read_all() -> dict[str, Report]:
    """The reports that were written, by name."""
    return {path.stem: Report(**json.loads(path.read_text("utf-8"))) for path in sorted(RESULTS.glob("*.json"))}
