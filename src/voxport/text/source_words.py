"""Finds the words of a cleaned text in the text as it was sent, from which the cleaning only left characters out and
replaced single ones."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from voxport.text.sentences import plain_character

_LINK_TARGET: Final = re.compile(r"\]\([^()\s]{0,500}(?:\s\"[^\"\n]{0,200}\")?\)")
_MAX_GAP: Final = 3_000
"""Characters that may be left out between two words: a table's rule, a link's address."""


class SourceWords:
    """Finds words that are asked for in their order."""

    def __init__(self, sent: str, origins: list[int] | None = None) -> None:
        """`origins` are the positions of the characters of `sent` in the text that the results speak of; by default
        their own."""
        plain = plain_characters(_without_link_targets(sent))
        origins = list(range(len(sent))) if origins is None else origins
        self._plain = "".join(character for character, _, _ in plain)
        self._ranges = [(origins[start], origins[end - 1] + 1) for _, start, end in plain]
        self._position = 0

    def find(self, word: str) -> tuple[int, int] | None:
        """Return the first character of the next occurrence of `word`, and the one behind its last; None if it does
        not stand there."""
        at = self._plain.find(word, self._position, self._position + _MAX_GAP)
        if at < 0:
            return None
        self._position = at + len(word)
        return self._ranges[at][0], self._ranges[self._position - 1][1]

    def find_characters(self, word: str) -> list[int] | None:
        """Return the position of each character of the next occurrence of `word`, as `find` does."""
        if self.find(word) is None:
            return None
        return [start for start, _ in self._ranges[self._position - len(word) : self._position]]


def plain_characters(text: str) -> list[tuple[str, int, int]]:
    """Return the characters of `text` as the cleaning writes them, each with its range in `text`."""
    return [
        (plain, start, end)
        for start, end in _clusters(text)
        for composed in unicodedata.normalize("NFC", text[start:end])
        for plain in plain_character(composed)
    ]


def _clusters(text: str) -> list[tuple[int, int]]:
    """Return the ranges of the characters of `text`, each with the combining ones behind it."""
    if unicodedata.is_normalized("NFC", text):
        return [(n, n + 1) for n in range(len(text))]
    starts = [n for n, character in enumerate(text) if n == 0 or not unicodedata.combining(character)]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def _without_link_targets(text: str) -> str:
    """Blank the addresses of markdown's links, whose words would be found in place of those that are spoken."""
    return _LINK_TARGET.sub(lambda match: " " * len(match.group()), text)
