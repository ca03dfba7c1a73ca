"""A text in lines, whose segments say how they are spoken. SSML and pronunciation dictionaries both make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Style:
    """How a segment is spoken. `rate` 2 is twice as fast, `semitones` are added to the pitch and `decibels` to the
    level; a `language` or `voice` of None is that of the request."""

    rate: float = 1.0
    semitones: float = 0.0
    decibels: float = 0.0
    language: str | None = None
    voice: str | None = None


@dataclass(frozen=True)
class Segment:
    """Characters of the sent text, and what is spoken in their place: `alias` is read as if it were written, `ipa` are
    phonemes. `origins` has the position of each character of `text` in the text as it was sent."""

    text: str
    origins: tuple[int, ...]
    style: Style = field(default_factory=Style)
    alias: str | None = None
    ipa: str | None = None

    @property
    def is_replaced(self) -> bool:
        return self.alias is not None or self.ipa is not None

    @property
    def read_text(self) -> str:
        return self.text if self.alias is None else self.alias


@dataclass(frozen=True)
class Line:
    """Segments that are spoken without a break. What follows it: a pause of `pause` seconds, if that is set; else that
    of a paragraph, or of a sentence."""

    segments: tuple[Segment, ...]
    pause: float | None = None
    ends_paragraph: bool = False
    ends_sentence: bool = False
    """Whether the line is a sentence of its own, whatever its marks say."""

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True)
class Document:
    lines: tuple[Line, ...]

    @property
    def pauses(self) -> float:
        """The seconds of all pauses that were asked for."""
        return sum(line.pause or 0.0 for line in self.lines)

    @property
    def voices(self) -> frozenset[str]:
        """The voices that are named."""
        return frozenset(
            segment.style.voice for line in self.lines for segment in line.segments if segment.style.voice is not None
        )

    @property
    def text(self) -> str:
        """The characters of all lines, without markup."""
        return "".join(line.text for line in self.lines)

    @property
    def origins(self) -> list[int]:
        """The positions of the characters of `text` in the text as it was sent."""
        return [origin for line in self.lines for segment in line.segments for origin in segment.origins]

    def as_text(self, pause: Callable[[float], str]) -> str:
        """Return the document as a plain text for a service that reads no documents: aliases in place of their words,
        and what `pause` returns for the seconds of each pause. Phonemes are left out."""
        result = ""
        for line in self.lines:
            text = "".join(segment.read_text for segment in line.segments).strip()
            if line.ends_sentence and text[-1:].isalnum():
                text += "."
            for piece in (text, pause(line.pause) if line.pause else ""):
                is_apart = not result or result[-1].isspace()
                result += piece if is_apart or not piece else f" {piece}"
            if line.ends_paragraph:
                result = f"{result.rstrip()}\n\n"
        return result.strip()

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(line) for line in self.lines]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> Document:
        return cls(tuple(_line_from_json(line) for line in data))

    def read_text(self) -> str:
        """Return what is read, without markup: for what looks at the words of a text."""
        return "\n".join("".join(segment.read_text for segment in line.segments) for line in self.lines)


def _line_from_json(data: dict[str, Any]) -> Line:
    segments = (
        Segment(one["text"], tuple(one["origins"]), Style(**one["style"]), one["alias"], one["ipa"])
        for one in data["segments"]
    )
    return Line(tuple(segments), data["pause"], data["ends_paragraph"], data["ends_sentence"])
