"""Puts the spoken lines of a script together: where each begins, and the sound of the whole, of a chapter, and of one
character."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.scripts.models import JobLine, ScriptJob
from voxport.scripts.rendered import RenderedLine, RenderedScript
from voxport.scripts.script import Chapter, Cover
from voxport.spoken_lines.service import SpokenLine
from voxport.text.ssml.parser import parse_ssml

_SILENCE_SAMPLES: Final = 10 * SAMPLE_RATE
"""The longest piece of silence that is made at once."""


@dataclass(frozen=True)
class PlacedLine:
    """A line with its first sample in the joined file."""

    row: JobLine
    samples: int
    start: int

    @property
    def end(self) -> int:
        """The sample behind the line, without its pause."""
        return self.start + self.samples


class Assembly:
    """`read` returns the audio of a line; one line is in memory at a time. `require_active` is called before each line,
    and may raise to end the work."""

    def __init__(
        self, rows: Sequence[JobLine], read: Callable[[str], SpokenLine], require_active: Callable[[], None]
    ) -> None:
        self._read = read
        self._require_active = require_active
        self.lines: list[PlacedLine] = []
        position = 0
        for row in rows:
            samples = row.samples or 0
            self.lines.append(PlacedLine(row, samples, position))
            position += samples + row.pause_samples
        self.samples = position
        """Length of the joined file, in samples."""

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def spoken(self, placed: PlacedLine) -> SpokenLine:
        return self._read(placed.row.digest)

    def joined(self) -> Iterator[Pcm]:
        """Yield the whole, with its pauses."""
        return self._with_pauses(self.lines)

    def chapter(self, number: int) -> Iterator[Pcm]:
        """Yield a chapter: its lines are together in the script."""
        return self._with_pauses([placed for placed in self.lines if placed.row.chapter == number])

    def stem(self, character: str) -> Iterator[Pcm]:
        """Yield the lines of a character where they are in the whole, with silence where others speak."""
        position = 0
        for placed in self.lines:
            self._require_active()
            if placed.row.character != character:
                continue
            yield from _silence(placed.start - position)
            yield self.spoken(placed).samples
            position = placed.end
        yield from _silence(self.samples - position)

    def _with_pauses(self, lines: Sequence[PlacedLine]) -> Iterator[Pcm]:
        for placed in lines:
            self._require_active()
            yield self.spoken(placed).samples
            yield from _silence(placed.row.pause_samples)


def rendered_script(script: ScriptJob, assembly: Assembly) -> RenderedScript:
    """Return what the writers of files get. All words of the script are in memory, its audio is not."""
    facts = script.facts
    names = json.dumps([facts["title"], *(placed.row.digest for placed in assembly.lines)])
    return RenderedScript(
        lines=[
            RenderedLine(
                id=placed.row.line_id,
                character=placed.row.character,
                text=_shown_text(placed.row),
                chapter=placed.row.chapter,
                start=placed.start / SAMPLE_RATE,
                end=placed.end / SAMPLE_RATE,
                words=assembly.spoken(placed).words if placed.row.markup == "none" else (),
                begins_paragraph=placed.row.begins_paragraph,
            )
            for placed in assembly.lines
        ],
        chapters=[Chapter(**chapter) for chapter in facts["chapters"]],
        seconds=assembly.seconds,
        title=facts["title"],
        author=facts["author"],
        language=facts["language"] or (assembly.lines[0].row.language if assembly.lines else "en"),
        cover=None if script.cover is None else Cover(script.cover, script.cover_type or "image/jpeg"),
        identifier=uuid.uuid5(uuid.NAMESPACE_URL, names).urn,
    )


def _shown_text(row: JobLine) -> str:
    """Return what a reader sees of a line: its text without markup."""
    if row.markup == "none":
        return row.text
    return " ".join(parse_ssml(row.text, language=row.language, languages=lambda code: code).text.split())


def _silence(samples: int) -> Iterator[Pcm]:
    while samples > 0:
        yield np.zeros(min(samples, _SILENCE_SAMPLES), np.int16)
        samples -= _SILENCE_SAMPLES
