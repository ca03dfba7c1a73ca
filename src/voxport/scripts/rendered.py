"""A script whose lines have been spoken, as the writers of its files get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voxport.providers.base import SpokenWord
from voxport.scripts.script import Chapter, Cover


@dataclass(frozen=True)
class RenderedLine:
    """`start` and `end` are seconds of the joined file, without the pause behind the line. `words` count seconds from
    the line's own start; empty where the provider tells none."""

    id: str
    character: str
    text: str
    chapter: int
    start: float
    end: float
    words: Sequence[SpokenWord] = ()
    begins_paragraph: bool = True


@dataclass(frozen=True)
class RenderedScript:
    lines: Sequence[RenderedLine]
    chapters: Sequence[Chapter]
    seconds: float
    """Length of the joined file."""
    title: str
    author: str
    language: str
    """A BCP 47 code."""
    cover: Cover | None
    identifier: str
    """A URN that is the same for the same script: `urn:uuid:…`."""
