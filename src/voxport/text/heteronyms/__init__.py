"""English words that are written alike and said otherwise, "read", "live", "lead", by the words around them.

The rules of `base_language.py` decide only where the neighbours tell; all else is left to espeak-ng, which knows some
of it by itself ("to record", "have read"). What is decided is spelt so that espeak-ng says it: "red" for the past of
"read". The text that people see keeps its letters.
"""

from __future__ import annotations

import re
from typing import Final

from voxport.text.heteronyms.context import WordContext
from voxport.text.heteronyms.rules import RULES

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NEAR_WORDS: Final = 12
"""Words on each side that are looked at."""


def respell_heteronyms(text: str, language: str) -> str:
    """`text` with the words that are decided in another spelling; unchanged in other languages."""
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
    """What stands around a word, as far as the clause goes: behind a mark the neighbour is the empty word."""
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
    """Whether a mark stands between two words that follow each other; a hyphen or a quote is none."""
    return any(character not in " -'’\"“”" for character in text[one.end() : other.start()])


def _match_case(written: str, spelling: str) -> str:
    return spelling.capitalize() if written[0].isupper() else spelling
