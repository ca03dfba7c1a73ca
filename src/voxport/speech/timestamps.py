"""When each word or sentence of a text is heard, in seconds of the file and characters of the text as it was sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, Literal

from voxport.providers.base import SpokenWord

Granularity = Literal["word", "sentence"]
_ENTITY: Final = re.compile(r"&(?:#x?[0-9A-Fa-f]+|amp|lt|gt|apos|quot);")
_DIGITS: Final = 3
"""Decimals of a second: the engine knows a sound's start to a fortieth."""


@dataclass(frozen=True)
class Timestamp:
    text: str
    start: float
    end: float
    start_char: int
    end_char: int

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "start": round(self.start, _DIGITS),
            "end": round(self.end, _DIGITS),
            "start_char": self.start_char,
            "end_char": self.end_char,
        }


def shifted(words: Iterable[SpokenWord], seconds: float) -> list[SpokenWord]:
    """Return the words of a piece that begins after `seconds` of the audio."""
    return [replace(word, start=word.start + seconds, end=word.end + seconds) for word in words]


def timestamps(words: Sequence[SpokenWord], text: str, granularity: Granularity) -> list[Timestamp]:
    """Return the timestamps of a text from its words, which are in order."""
    if granularity == "word":
        return [_timestamp(text, [word]) for word in words]
    return [_timestamp(text, list(group), with_marks=True) for _, group in groupby(words, lambda word: word.sentence)]


def _timestamp(text: str, words: Sequence[SpokenWord], *, with_marks: bool = False) -> Timestamp:
    first, last = words[0], words[-1]
    start_char, end_char = first.start_char, _end_as_sent(text, max(word.end_char for word in words))
    if with_marks:
        start_char, end_char = _with_outer_marks(text, start_char, end_char)
    return Timestamp(text[start_char:end_char], first.start, last.end, start_char, end_char)


def _end_as_sent(text: str, end: int) -> int:
    """Return where the character before `end` ends as it was sent: as an entity, or with its combining marks."""
    entity = _ENTITY.match(text, end - 1)
    end = end if entity is None else entity.end()
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def _with_outer_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a range by the quotes before it and the marks behind it."""
    while end < len(text) and not text[end].isalnum() and not text[end].isspace() and text[end] != "<":
        end += 1
    while start > 0 and text[start - 1] in "\"'“‘«¿¡([":
        start -= 1
    return start, end
