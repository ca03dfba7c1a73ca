"""Reads title, author and language from the YAML lines at the begin of a Markdown file.

Only `key: value` and lists of plain values are understood. A whole YAML parser would bring aliases, tags and types that
no book needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MAX_LINES: Final = 200
_KEY: Final = re.compile(r"([A-Za-z_-]{1,40}):(?:\s(.*))?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}")


@dataclass(frozen=True)
class FrontMatter:
    title: str = ""
    author: str = ""
    language: str | None = None


def read_front_matter(lines: Sequence[str]) -> tuple[FrontMatter, list[str]]:
    """Return what stands between `---` and `---` in front of a text, and its lines with empty ones in that place."""
    if not lines or lines[0].rstrip() != "---":
        return FrontMatter(), list(lines)
    end = next((n for n, line in enumerate(lines[1:_MAX_LINES], 1) if line.rstrip() in ("---", "...")), 0)
    if not end or not any(_KEY.fullmatch(line) for line in lines[1:end]):
        return FrontMatter(), list(lines)
    values: dict[str, list[str]] = {}
    key = ""
    for line in lines[1:end]:
        found = _KEY.fullmatch(line.rstrip())
        if found is not None:
            key = found[1].lower()
            values[key] = _values(found[2] or "")
        elif line.strip().startswith("- ") and key:
            values[key] += _values(line.strip()[2:])
    language = "".join((values.get("language") or values.get("lang") or [""])[:1])
    front = FrontMatter(
        title=" ".join(values.get("title", [])),
        author=", ".join(values.get("author") or values.get("authors") or []),
        language=language.replace("_", "-") if _LANGUAGE.fullmatch(language) else None,
    )
    return front, [*[""] * (end + 1), *lines[end + 1 :]]


def _values(text: str) -> list[str]:
    text = text.strip()
    items = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return [plain for item in items if (plain := item.strip().strip("\"'"))]
