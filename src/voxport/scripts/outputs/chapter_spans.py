"""When each chapter of a spoken script begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from voxport.scripts.outputs.plain_text import plain_line
from voxport.scripts.rendered import RenderedLine, RenderedScript


@dataclass(frozen=True)
class ChapterSpan:
    index: int
    """In the script's chapters."""
    title: str
    """One line, never empty."""
    level: int
    start: float
    """Seconds of the joined file. The first chapter begins at 0."""
    end: float
    """Where the next one begins: the pause behind the last line belongs to the chapter."""
    lines: Sequence[RenderedLine]


def chapter_spans(script: RenderedScript) -> list[ChapterSpan]:
    """Return the chapters that have lines, in order. Audio of one chapter is that of the joined file from `start` to
    `end`."""
    groups = [(index, tuple(lines)) for index, lines in groupby(script.lines, lambda line: line.chapter)]
    if not groups:
        return []
    starts = [0.0, *(lines[0].start for _, lines in groups[1:]), script.seconds]
    return [
        ChapterSpan(index, _title(script, index, number), script.chapters[index].level, start, max(start, end), lines)
        for number, ((index, lines), (start, end)) in enumerate(zip(groups, pairwise(starts), strict=True), 1)
    ]


def _title(script: RenderedScript, index: int, number: int) -> str:
    only = script.title if len(script.chapters) == 1 else ""
    return plain_line(script.chapters[index].title) or plain_line(only) or f"Chapter {number}"
