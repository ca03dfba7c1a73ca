"""Defines the chunk, a piece of text that is synthesised in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

MAX_TOKENS: Final = 510
"""Kokoro's context is 512 tokens, of which the first and the last are the boundary token 0."""


@dataclass(frozen=True)
class ProsodySpan:
    """How the tokens from `start` to before `end` are spoken: `rate` 2 is twice as fast, `semitones` are added to the
    pitch, and `decibels` to the level."""

    start: int
    end: int
    rate: float = 1.0
    semitones: float = 0.0
    decibels: float = 0.0


@dataclass(frozen=True)
class WordSpan:
    """A word of the text as it was sent: its characters from `start_char` to before `end_char`, spoken by the tokens
    from `start` to before `end`; `sentence` is the number of its sentence in the text."""

    start: int
    end: int
    start_char: int
    end_char: int
    sentence: int


@dataclass(frozen=True)
class Chunk:
    """A piece of text: `text` for people, `tokens` for the network (1 to 510, without boundary tokens), and
    `pause_after`, the seconds of silence before the next chunk at normal speed; `exact_pause` are seconds at any speed,
    and so are those of `exact_lead`, before it. `voice` is that of the request unless it is set; `words` is empty
    unless the plan was asked for them."""

    text: str
    tokens: tuple[int, ...]
    pause_after: float
    prosody: tuple[ProsodySpan, ...] = ()
    words: tuple[WordSpan, ...] = ()
    voice: str | None = None
    exact_pause: float = 0.0
    exact_lead: float = 0.0

    def pause_seconds(self, speed: float) -> float:
        """Return the silence before the next chunk, in seconds."""
        return self.pause_after / speed + self.exact_pause

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {"text": self.text, "tokens": list(self.tokens), "pause_after": self.pause_after}
        if self.prosody:
            content["prosody"] = [[s.start, s.end, s.rate, s.semitones, s.decibels] for s in self.prosody]
        if self.words:
            content["words"] = [[w.start, w.end, w.start_char, w.end_char, w.sentence] for w in self.words]
        if self.voice is not None:
            content["voice"] = self.voice
        if self.exact_pause:
            content["exact_pause"] = self.exact_pause
        if self.exact_lead:
            content["exact_lead"] = self.exact_lead
        return content

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Chunk:
        return cls(
            str(data["text"]),
            tuple(int(t) for t in data["tokens"]),
            float(data["pause_after"]),
            tuple(ProsodySpan(*span) for span in data.get("prosody", ())),
            tuple(WordSpan(*span) for span in data.get("words", ())),
            data.get("voice"),
            float(data.get("exact_pause", 0.0)),
            float(data.get("exact_lead", 0.0)),
        )
