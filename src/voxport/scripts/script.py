"""A script as its reader found it: lines, who says them, chapters. Nothing about voices or sound."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

NARRATOR: Final = "Narrator"
"""Who reads the text of a book that names no speaker."""
MAX_LINES: Final = 20_000
MAX_CHARACTERS: Final = 4_000_000
MAX_LINE_CHARACTERS: Final = 5_000
MAX_CHAPTERS: Final = 1_000
MAX_NAME_CHARACTERS: Final = 100
"""Of a character's name."""
MAX_PAUSE_AFTER: Final = 60.0
"""Seconds."""


class ScriptError(Exception):
    """A script can't be read. The message says what to do; `place` is where, as people count it: "line 12"."""

    def __init__(self, message: str, place: str = "", *, details: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{place[:1].upper()}{place[1:]}: {message}" if place else message)
        self.place = place
        self.details = dict(details or {})


@dataclass(frozen=True)
class ScriptLine:
    """One line. `id` is unique in its script and a safe file name; `place` is where it stands ("line 12" of a text
    file, "script[3]" of JSON, "chapter 2, paragraph 7" of a book)."""

    id: str
    character: str
    text: str
    place: str
    chapter: int = 0
    """Index in the script's chapters."""
    pause_after: float | None = None
    """Seconds of silence behind it; None leaves it to the renderer."""
    language: str | None = None
    voice_settings: Mapping[str, float] = field(default_factory=dict)
    """Overrides those of the character."""
    markup: str = "none"
    begins_paragraph: bool = True
    """False where a long paragraph was split: the pause before this line is a sentence's."""


@dataclass(frozen=True)
class Chapter:
    title: str
    level: int = 1


@dataclass(frozen=True)
class Cover:
    content: bytes
    content_type: str
    """image/jpeg or image/png."""


@dataclass(frozen=True)
class Script:
    """Lines in order; without chapters in the source there is one, with the script's title."""

    lines: tuple[ScriptLine, ...]
    chapters: tuple[Chapter, ...] = (Chapter(""),)
    title: str = ""
    author: str = ""
    language: str | None = None
    cover: Cover | None = None
    warnings: tuple[str, ...] = ()
    """What was left out or read in one of several ways, in sentences for the customer."""


def character_name(name: str) -> str:
    """Return a character's name as all readers spell it, so that two spellings of one name are equal: composed letters
    (NFC), single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def case_warnings(names: Iterable[str]) -> list[str]:
    """Return a sentence for each group of characters whose names differ only in case: likely one, misspelt."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(name.casefold(), []).append(name)
    return [
        f"{' and '.join(group)} are {len(group)} characters: their names differ only in case. Spell them alike if they "
        "are one."
        for group in groups.values()
        if len(group) > 1
    ]
