"""Writes what a game or an editor reads about a spoken script: a JSON manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from voxport.scripts.outputs.chapter_spans import chapter_spans
from voxport.scripts.rendered import RenderedLine, RenderedScript

VERSION: Final = 1
_DIGITS: Final = 3
"""Decimals of a second."""


def write_manifest(
    script: RenderedScript, *, files: Mapping[str, str] | None = None, voices: Mapping[str, str] | None = None
) -> str:
    """Return a JSON document of the script's lines and chapters. `files` has the file of a line by the line's id,
    `voices` the voice of a character."""
    files, voices = files or {}, voices or {}
    document = {
        "version": VERSION,
        "title": script.title,
        "author": script.author,
        "language": script.language,
        "identifier": script.identifier,
        "seconds": round(script.seconds, _DIGITS),
        "characters": [
            {"name": name, **_given("voice", voices.get(name))}
            for name in dict.fromkeys(line.character for line in script.lines)
        ],
        "chapters": [
            {
                "title": span.title,
                "level": span.level,
                "start": round(span.start, _DIGITS),
                "end": round(span.end, _DIGITS),
                "lines": [span.lines[0].id, span.lines[-1].id],
            }
            for span in chapter_spans(script)
        ],
        "lines": [_line(line, files.get(line.id), voices.get(line.character)) for line in script.lines],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _line(line: RenderedLine, file: str | None, voice: str | None) -> dict[str, Any]:
    return {
        "id": line.id,
        "character": line.character,
        **_given("voice", voice),
        "text": line.text,
        "chapter": line.chapter,
        **_given("file", file),
        "start": round(line.start, _DIGITS),
        "end": round(line.end, _DIGITS),
        "seconds": round(line.end - line.start, _DIGITS),
    }


def _given(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}
