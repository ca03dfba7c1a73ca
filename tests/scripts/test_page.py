"""docs/speech-control.md is written from the figures of the benchmarks."""

from __future__ import annotations

from benchmarks.reports import read_all
from write_speech_control_doc import PAGE, speech_control_doc


def test_the_page_matches_the_figures() -> None:
    assert PAGE.read_text("utf-8") == speech_control_doc(), "run: python scripts/write_speech_control_doc.py"


def test_every_benchmark_passed() -> None:
    assert [name for name, report in read_all("speech_control").items() if not report.passed] == []
