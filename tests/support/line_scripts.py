"""A reader of small scripts for tests of what is around it: lines of `NAME: text`, CSV, and the text of Markdown."""

from __future__ import annotations

import csv
import io

import pytest

from voxport.scripts import source
from voxport.scripts.script import NARRATOR, Script, ScriptError, ScriptLine


def read_lines(content: bytes, script_format: str | None, *, name: str = "", with_front_matter: bool = False) -> Script:
    text = content.decode()
    if name.endswith(".csv"):
        rows = [(row.get("id"), row["character"], row["text"]) for row in csv.DictReader(io.StringIO(text))]
    elif name.endswith(".md"):
        rows = [(None, NARRATOR, row) for row in text.splitlines() if row and not row.startswith("#")]
    else:
        rows = [_line(row, f"line {number}") for number, row in enumerate(text.splitlines(), 1)]
    return Script(tuple(ScriptLine(row[0] or f"{n:04d}", row[1], row[2], f"line {n}") for n, row in enumerate(rows, 1)))


def use_line_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "read_script", read_lines)


def _line(row: str, place: str) -> tuple[None, str, str]:
    character, colon, text = row.partition(": ")
    if not colon:
        raise ScriptError("A text line without a character. Write `Name: text`.", place)
    return None, character, text
