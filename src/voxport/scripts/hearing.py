"""Compares what a recogniser hears in a spoken line with its text, and chooses between two takes of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from voxport.scripts.line_check import Finding
from voxport.text.normalise import normalise_text
from voxport.text.sentences import clean_text

_FREE_ERRORS: Final = 4
"""Letters that may be wrong in any line: an invented name is spelt in another way by every recogniser, and in a line of
three words it is a third of the words (dudarenok-maker/Castwright#3118)."""
_MAX_ERROR_RATE: Final = 0.25
_MAX_HEARD_CHARACTERS: Final = 200
_LOOP: Final = re.compile(r"(?<!\S)(\S{1,30})(?:\s+\1(?!\S)){3,}+", re.IGNORECASE)
"""A word four times or more in a row, into which Whisper falls after a short line."""

Sounds = Callable[[list[str]], list[str]]
"""Returns how each text is spoken, in symbols of sounds: `Phonemizer.symbols` of the line's language."""


@dataclass(frozen=True)
class Take:
    """One attempt at a line: what is wrong with it, and the share of its letters that was not heard, 0 without a
    recogniser."""

    findings: tuple[Finding, ...] = ()
    error_rate: float = 0.0

    @property
    def is_bad(self) -> bool:
        return any(finding.is_bad for finding in self.findings)


def is_better(one: Take, other: Take) -> bool:
    """Whether `one` is to be kept in place of `other`, the earlier take: only if it is truly better."""
    return _rank(one) < _rank(other)


def compare_heard(text: str, heard: str, language: str, *, sounds: Sounds | None = None) -> Take:
    """Compare a line's text with what a recogniser heard, by their letters, and with `sounds` also by how they sound:
    names, homophones and kanji are spelt in many ways. The smaller difference counts."""
    heard = _LOOP.sub(r"\1", heard)
    wanted, given = (_letters(normalise_text(clean_text(one), language)) for one in (text, heard))
    if not wanted:
        return Take()
    if not given:
        return Take((Finding("misheard", "No word is heard in it."),), 1.0)
    if not _alphabets(wanted) & _alphabets(given):
        return Take()  # Whisper writes Hindi as Urdu: this can't be compared
    compared = [(wanted, given)]
    if sounds is not None:
        symbols = [_letters(one) for one in sounds([text, heard])]
        compared += [(symbols[0], symbols[1])] if symbols[0] else []
    errors = [(edit_distance(one, other), len(one)) for one, other in compared]
    rate = min(1.0, *(count / length for count, length in errors))
    if any(_is_forgiven(count, length) for count, length in errors):
        return Take((), rate)
    shown = " ".join(heard.split())[:_MAX_HEARD_CHARACTERS]
    return Take((Finding("misheard", f"It sounds like: {shown}"),), rate)


def _is_forgiven(errors: int, length: int) -> bool:
    return errors <= _FREE_ERRORS + _MAX_ERROR_RATE * length and (errors < length or length <= _FREE_ERRORS)


def _alphabets(letters: str) -> set[str]:
    """Return the alphabets of letters by their Unicode names; kana and hanzi are one."""
    names = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    return {"CJK" if name in ("HIRAGANA", "KATAKANA") else name for name in names}


def edit_distance(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest insertions, deletions and replacements that make one of the other."""
    row = list(range(len(heard) + 1))
    for i, symbol in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != other))
    return row[-1]


def _letters(text: str) -> str:
    """Return the letters of a text, without case, accents, spaces and marks."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in decomposed if one.isalnum() or unicodedata.category(one) == "Mc")


def _rank(take: Take) -> tuple[int, float, int]:
    bad = sum(finding.is_bad for finding in take.findings)
    return bad, round(take.error_rate, 2), len(take.findings)
