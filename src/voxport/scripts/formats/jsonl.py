"""Reads `jsonl`: one JSON object a line. An array of such objects is read too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from voxport.scripts.formats.builder import ScriptBuilder, encodable, one_line, shortened
from voxport.scripts.formats.encoding import text_lines
from voxport.scripts.formats.fields import FILE_FIELDS, add_fields, field_name
from voxport.scripts.script import Script, ScriptError

_MAX_VALUES: Final = 1_000_000
"""Objects, arrays and what stands between commas: each takes a hundred bytes of memory. 20,000 lines with all fields
have a quarter of it."""
_EXAMPLE: Final = '{"id": "0001", "character": "Ana", "text": "Who is there?"}'


def read_jsonl(text: str) -> Script:
    """Read a line from each object: `id`, `character` (or `voice`, `speaker`), `text`, `language` (or `lang`), `speed`,
    `pause_after`, `markup`, `chapter`. A key that is not known is left out with a warning. Raises ScriptError."""
    values = sum(map(text.count, "{[,"))
    if values > _MAX_VALUES:
        raise ScriptError(
            f"The file has {values:,} values of JSON. A script may have {_MAX_VALUES:,}.",
            details={"values": values, "max_values": _MAX_VALUES},
        )
    builder = ScriptBuilder()
    unknown: dict[str, str] = {}
    chapter = ""
    for place, item in _objects(text):
        fields: dict[str, Any] = {}
        for key, value in item.items():
            name = field_name(key)
            if name not in FILE_FIELDS:
                unknown.setdefault(shortened(encodable(one_line(key)), 40), place)
            elif name in fields:
                raise ScriptError(f"Two keys are the {name} of the line.", place)
            else:
                fields[name] = value
        title = fields.pop("chapter", None) or ""
        if not isinstance(title, str):
            raise ScriptError("The chapter is not a text.", place)
        if title.strip() and one_line(title) != chapter:
            chapter = one_line(title)
            builder.add_chapter(encodable(title))
        add_fields(builder, fields, place)
    for key, place in list(unknown.items())[:20]:
        builder.warn(f"The key {key!r} ({place}) is not read. Known are {', '.join(sorted(FILE_FIELDS))}.")
    return builder.build()


def _objects(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    text = text.lstrip("\ufeff")
    if text.lstrip().startswith("["):
        items = _parsed(text, "")
        for number, item in enumerate(items):
            yield _checked(item, f"script[{number}]")
        return
    for number, line in enumerate(text_lines(text), 1):
        if line.strip():
            yield _checked(_parsed(line, f"line {number}"), f"line {number}")


def _checked(item: object, place: str) -> tuple[str, dict[str, Any]]:
    if not isinstance(item, dict):
        raise ScriptError(f"This is not an object like {_EXAMPLE}.", place)
    return place, item


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = place or f"line {error.lineno}"
        raise ScriptError(
            f"This is not JSON ({error.msg}, character {error.colno}). Write an object like {_EXAMPLE} in one line.",
            where,
        ) from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ScriptError(f"This is not JSON that can be read: {shortened(encodable(why), 200)}.", place) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")
