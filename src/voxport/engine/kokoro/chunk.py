"""Defines the chunk, a piece of text that is synthesised in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

MAX_TOKENS: Final = 510
"""Kokoro's context is 512 tokens, of which the first and the last are the boundary token 0."""


@dataclass(frozen=True)
class Chunk:
    """A piece of text: `text` for people, `tokens` for the network (1 to 510, without boundary tokens), and
    `pause_after`, the seconds of silence before the next chunk."""

    text: str
    tokens: tuple[int, ...]
    pause_after: float

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "tokens": list(self.tokens), "pause_after": self.pause_after}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Chunk:
        return cls(str(data["text"]), tuple(int(t) for t in data["tokens"]), float(data["pause_after"]))
