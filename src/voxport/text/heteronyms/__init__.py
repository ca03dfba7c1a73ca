"""English words that are written alike and said otherwise, "read", "live", "lead", by the words around them.

The rules of `heteronym_rules.py` decide only where the neighbours tell; all else is left to espeak-ng, which knows some
of it by itself ("to record", "have read"). What is decided is spelt so that espeak-ng says it: "red" for the past of
"read". The text that people see keeps its letters.
"""

from __future__ import annotations

import re
from typing import Final

from voxport.text.heteronyms.context import Around
from voxport.text.heteronyms.rules import RULES

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NEAR: Final = 12
"""Words on each side that are looked at."""


def respelled(said: str, language: str) -> str:
    """`said` with the words that are decided in another spelling; unchanged in other languages."""
    if not language.startswith("en"):
        return said
    words = list(_WORD.finditer(said))
    if not any(match.group().lower() in RULES for match in words):
        return said
    pieces, at = [], 0
    for number, match in enumerate(words):
        rule = RULES.get(match.group().lower())
        spelt = rule(_around(said, words, number)) if rule is not None else None
        if spelt is not None:
            pieces += [said[at : match.start()], _like(match.group(), spelt)]
            at = match.end()
    return "".join([*pieces, said[at:]])


def _around(said: str, words: list[re.Match[str]], number: int) -> Around:
    """What stands around a word, as far as the clause goes: behind a mark the neighbour is the empty word."""
    first, last = max(0, number - _NEAR), min(len(words), number + _NEAR + 1)
    before: list[str] = []
    for n in range(number - 1, first - 1, -1):
        if _is_parted(said, words[n], words[n + 1]):
            break
        before.append(words[n].group())
    after: list[str] = []
    for n in range(number + 1, last):
        if _is_parted(said, words[n - 1], words[n]):
            break
        after.append(words[n].group())
    near = frozenset(words[n].group().lower() for n in range(first, last) if n != number)
    start, end = words[number].span()
    hyphens = ("-" if said[start - 1 : start] == "-" else "") + ("+" if said[end : end + 1] == "-" else "")
    return Around(words[number].group(), tuple(before), tuple(after), near, hyphens)


def _is_parted(said: str, one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether a mark stands between two words that follow each other; a hyphen or a quote is none."""
    return any(character not in " -'’\"“”" for character in said[one.end() : other.start()])


def _like(written: str, spelt: str) -> str:
    return spelt.capitalize() if written[0].isupper() else spelt
