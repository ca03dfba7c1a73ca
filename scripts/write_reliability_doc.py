"""Writes docs/reliability.md from the figures in benchmarks/results/reliability. A test checks that the page matches.

python scripts/write_reliability_doc.py
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.reports import Report, read_all

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"

_HEAD = """# Reliability, measured

Written by `scripts/write_reliability_doc.py` from the figures that the commands below wrote; don't edit it. Each
command ends with exit code 1 where something is not as it must be, and the tests run a small version of it.
"""


def reliability_doc() -> str:
    return "\n".join([_HEAD, *(section(report) for report in read_all().values())])


def section(report: Report) -> str:
    """Return a report as Markdown."""
    lines = [f"## {report.title}", "", f"`{report.command}`: {'passed' if report.passed else '**NOT PASSED**'}.", ""]
    lines += [f"- {sentence}" for sentence in report.summary]
    if report.columns:
        lines += ["", _row(report.columns), _row(["---"] * len(report.columns))]
        lines += [_row(row) for row in report.rows]
    return "\n".join([*lines, "", f"Measured on: {report.machine}", ""])


def _row(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(reliability_doc(), "utf-8")
    print(f"wrote {PAGE}")
