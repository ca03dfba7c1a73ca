"""What a demo without a terminal prints while it creates a clone."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from voxport.cli.output import print_csv, print_json
from voxport.cli.progress import ProgressLines, show_progress
from voxport_client import Job


class ShownProgress:
    """Collects the printed lines, at times that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self._show = ProgressLines("Cloning", clock=lambda: self.now, echo=self.lines.append)

    def at(self, seconds: float, stage: str, progress: float) -> None:
        self.now = 100.0 + seconds
        self._show(job(stage, progress))


def job(stage: str, progress: float) -> Job:
    known: dict[str, Any] = dict.fromkeys(("started_at", "finished_at", "result_data"))
    return Job(
        id="j",
        service="core-voice-clone",
        status="processing",
        stage=stage,
        progress=progress,
        created_at=datetime(2026, 4, 27, tzinfo=UTC),
        units_consumed=0.0,
        token_cost=Decimal(0),
        **known,
    )


def test_each_stage_and_each_ten_per_cent_is_a_line() -> None:
    watched = ShownProgress()
    watched.at(0, "queued", 0)
    watched.at(1, "checking", 0.1)
    for tenth in range(20, 41):
        watched.at(2, "cloning", tenth / 100)
    assert watched.lines == [
        "Cloning:   0 %, queued, 0 s",
        "Cloning:  10 %, checking, 1 s",
        "Cloning:  20 %, cloning, 2 s",
        "Cloning:  30 %, cloning, 2 s",
        "Cloning:  40 %, cloning, 2 s",
    ]


def test_a_slow_stage_is_a_line_every_five_seconds() -> None:
    watched = ShownProgress()
    for second in range(12):
        watched.at(second, "cloning", 0.2 + second / 1000)
    assert watched.lines == [
        "Cloning:  20 %, cloning, 0 s",
        "Cloning:  20 %, cloning, 5 s",
        "Cloning:  21 %, cloning, 10 s",
    ]


def test_without_a_terminal_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("Cloning") as watch:
        watch(job("checking", 0.1))
        watch(job("cloning", 0.2))
    assert capsys.readouterr().out.splitlines() == ["Cloning:  10 %, checking, 0 s", "Cloning:  20 %, cloning, 0 s"]


def test_a_stage_of_a_hostile_gateway_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ShownProgress()
    shown.at(0, "\x1b]0;title\x07fit\x9b2J", 0.1)
    assert shown.lines == ["Cloning:  10 %, \ufffd]0;title\ufffdfit\ufffd2J, 0 s"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True)
        with show_progress("Cloning") as show:
            show(job("fit\x07\x9b2J", 0.5))
        print_csv("voice,calls\r\nAna\x1b[2J,1\r\n")
    output = capsys.readouterr().out
    assert "fit\ufffd\ufffd2J" in output
    assert output.endswith("voice,calls\nAna\ufffd[2J,1\n")


def test_a_program_gets_the_csv_and_the_json_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv("a\x1b,b\r\n")
    assert capsys.readouterr().out == "a\x1b,b\r\n"
    print_json({"name": "Ana \x1b \x7f \x9b2J é"})
    output = capsys.readouterr().out
    assert not any(letter in output for letter in "\x1b\x7f\x9b")
    assert json.loads(output) == {"name": "Ana \x1b \x7f \x9b2J é"}
