"""A reader of scripts for tests of what is around it: a line of the file is `NAME: text`."""

from __future__ import annotations

import pytest

from voxport.scripts import source
from voxport.scripts.script import Script, ScriptError, ScriptLine


def read_lines(content: bytes, script_format: str | None, *, name: str = "", with_front_matter: bool = False) -> Script:
    lines = []
    for number, row in enumerate(content.decode().splitlines(), 1):
        character, colon, text = row.partition(": ")
        if not colon:
            raise ScriptError("Nobody says this. Write `Name: text`.", f"line {number}")
        lines.append(ScriptLine(f"{number:04d}", character, text, f"line {number}"))
    return Script(tuple(lines))


def use_line_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "read_script", read_lines)
