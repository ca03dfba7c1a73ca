"""Reads a script in any of its spellings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxport.scripts.script import Script, ScriptError, ScriptLine


def read_script(
    content: bytes, script_format: str | None, *, name: str = "", with_front_matter: bool = False
) -> Script:
    """Raises ScriptError."""
    del with_front_matter
    raise ScriptError(f"Send the lines as `script`: {script_format or name or len(content)} is not read.")


def read_script_items(items: Sequence[Mapping[str, Any]]) -> Script:
    """Read the array `script` of a request. Raises ScriptError."""
    lines = (
        ScriptLine(**{"id": f"{number:04d}", "place": f"script[{number}]", **item}) for number, item in enumerate(items)
    )
    return Script(tuple(lines))
