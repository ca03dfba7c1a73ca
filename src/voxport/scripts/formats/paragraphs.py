"""Splits long paragraphs of books into lines that are spoken one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voxport.text.languages import ESPEAK_LANGUAGES
from voxport.text.sentences import split_clauses, split_sentences

MAX_PART_CHARACTERS: Final = 400
"""A line of a book: about half a minute of speech, so that little is spoken again after an edit or a kill."""


def split_paragraph(text: str, language: str | None) -> list[str]:
    """Split a paragraph at ends of sentences, else of clauses, else at blanks, into parts of at most
    MAX_PART_CHARACTERS. Keeps all characters but blanks, in order, and the line breaks within a part."""
    text = text.strip()
    if len(text) <= MAX_PART_CHARACTERS:
        return [text]
    parts: list[_Part] = []
    for separator, piece in _pieces(text, _spoken_language(language)):
        is_speakable = any(map(str.isalnum, piece))
        if parts and parts[-1].takes(piece, is_speakable=is_speakable):
            parts[-1].add(separator, piece)
        else:
            parts.append(_Part([piece], len(piece)))
        parts[-1].is_speakable |= is_speakable
    cuts = [cut for part in parts for cut in _cuts("".join(part.pieces))]
    return [cut for cut in cuts if any(map(str.isalnum, cut))]


@dataclass
class _Part:
    pieces: list[str]
    length: int
    is_speakable: bool = False

    def takes(self, piece: str, *, is_speakable: bool) -> bool:
        """Return True if the piece fits, or one of both has no letter, which can't be spoken alone."""
        is_short = self.length + 1 + len(piece) <= MAX_PART_CHARACTERS
        return is_short or not is_speakable or not self.is_speakable

    def add(self, separator: str, piece: str) -> None:
        self.pieces += [separator, piece]
        self.length += len(separator) + len(piece)


def _pieces(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield sentences, or parts of them, each with the separator in front of it."""
    for line in text.split("\n"):
        separator = "\n"
        for sentence in split_sentences(line, language):
            clauses = [sentence] if len(sentence) <= MAX_PART_CHARACTERS else split_clauses(sentence)
            for clause in clauses:
                for piece in [clause] if len(clause) <= MAX_PART_CHARACTERS else clause.split():
                    yield separator, piece
                    separator = " "


def _cuts(part: str) -> Iterator[str]:
    """Cut what has no blanks, such as a long address or a sentence of Chinese without a mark."""
    for start in range(0, len(part), 4 * MAX_PART_CHARACTERS):
        yield part[start : start + 4 * MAX_PART_CHARACTERS]


def _spoken_language(language: str | None) -> str:
    """Return the language whose abbreviations count. Without one that is known, English."""
    code = (language or "en").lower()
    same = [each for each in (*ESPEAK_LANGUAGES, "ja", "zh") if each == code or each[:2] == code[:2]]
    return code if code in same else (same or ["en-us"])[0]
