"""Respells English heteronyms ("read", "live", "lead") by the words around them, so that espeak-ng says them right.

The rules in `rules.py` decide only cases that the neighbouring words settle. All others are left to espeak-ng, which
resolves some itself ("to record", "have read"). A decided word is respelt so that espeak-ng says it: "red" for the past
of "read". Only the spoken text changes, not the text that people see.
"""

from __future__ import annotations

import re
from typing import Final

from voxport.text.heteronyms.context import WordContext
from voxport.text.heteronyms.rules import RULES

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NEAR_WORDS: Final = 12
"""Words examined on each side."""


def respell_heteronyms(text: str, language: str) -> str:
    """Return `text` with the decided words respelt. Texts in other languages than English are returned unchanged."""
    if not language.startswith("en"):
        return text
    words = list(_WORD.finditer(text))
    if not any(match.group().lower() in RULES for match in words):
        return text
    pieces, position = [], 0
    for number, match in enumerate(words):
        rule = RULES.get(match.group().lower())
        spelling = rule(_context(text, words, number)) if rule is not None else None
        if spelling is not None:
            pieces += [text[position : match.start()], _match_case(match.group(), spelling)]
            position = match.end()
    return "".join([*pieces, text[position:]])


def _context(text: str, words: list[re.Match[str]], number: int) -> WordContext:
    """Return the context of a word within its clause. Words across a punctuation mark are left out of `before` and
    `after`."""
    first, stop = max(0, number - _NEAR_WORDS), min(len(words), number + _NEAR_WORDS + 1)
    before: list[str] = []
    for n in range(number - 1, first - 1, -1):
        if _are_separated(text, words[n], words[n + 1]):
            break
        before.append(words[n].group())
    after: list[str] = []
    for n in range(number + 1, stop):
        if _are_separated(text, words[n - 1], words[n]):
            break
        after.append(words[n].group())
    near = frozenset(words[n].group().lower() for n in range(first, stop) if n != number)
    start, end = words[number].span()
    hyphens = ("-" if text[start - 1 : start] == "-" else "") + ("+" if text[end : end + 1] == "-" else "")
    return WordContext(words[number].group(), tuple(before), tuple(after), near, hyphens)


def _are_separated(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    """Return whether a mark stands between two consecutive words. Hyphens and quotes don't count."""
    return any(character not in " -'’\"“”" for character in text[one.end() : other.start()])


def _match_case(written: str, spelling: str) -> str:
    return spelling.capitalize() if written[0].isupper() else spelling
