"""One sentence to symbols, with its punctuation kept: Kokoro reads pauses and melody from it, espeak drops it.

So the sentence is cut at its marks, what lies between is phonemised, and the marks are put back where they were.
"""

from __future__ import annotations

import re
from typing import Final

from voxport.engine.phonemizer import Phonemizer
from voxport.engine.text import keeps_dot

_AS_KOKORO_WRITES: Final = str.maketrans(
    {
        "–": "—",
        "«": "“",
        "»": "”",
        "„": "“",
        "‚": ",",
        "‘": "'",
        "’": "'",
        "।": ".",
        "॥": ".",
        "[": "(",
        "]": ")",
    }
)
_MARK: Final = re.compile(r"([—“”\"()]+|[;:,.!?…]+(?=[\s—“”\"()']|$))")
"""Quotes, brackets and dashes anywhere; the others only where a word has ended: not in `3.14` or `example.com`."""


def symbols_of(sentence: str, language: str, phonemizer: Phonemizer) -> str:
    """Kokoro's symbols of one sentence; empty where nothing of it is spoken."""
    parts = _MARK.split(_with_dashes(sentence.translate(_AS_KOKORO_WRITES)))
    _give_dots_back(parts)
    spoken = [parts[i] if re.search(r"\w", parts[i]) else "" for i in range(0, len(parts), 2)]
    if not any(spoken):
        return ""
    symbols = phonemizer.symbols(spoken, language)
    written = []
    for i, part in enumerate(parts):
        written.append(_spaced(part, symbols[i // 2]) if i % 2 == 0 else _mark(part))
    return " ".join("".join(written).split())


def _with_dashes(sentence: str) -> str:
    """A spaced hyphen is a dash; a double one too."""
    return re.sub(r"\s+-+\s+|--+", " — ", sentence)


def _give_dots_back(parts: list[str]) -> None:
    """A dot that belongs to an abbreviation goes to the phonemizer with its word: "Dr." is "doctor"."""
    for i in range(1, len(parts), 2):
        word = re.search(r"[\w.]+$", parts[i - 1])
        if parts[i] == "." and word and keeps_dot(word.group()) and "".join(parts[i + 1 :]).strip():
            parts[i - 1] += "."
            parts[i] = ""


def _mark(mark: str) -> str:
    """A run of marks as one of each kind, dots as an ellipsis: `?!?!` is `?!`, `...` is `…`."""
    return "".join(dict.fromkeys(re.sub(r"\.{2,}", "…", mark)))


def _spaced(source: str, symbols: str) -> str:
    """The symbols with the white space that stood around their source."""
    before = " " if source[:1].isspace() else ""
    after = " " if source[-1:].isspace() else ""
    return f"{before}{symbols}{after}"
