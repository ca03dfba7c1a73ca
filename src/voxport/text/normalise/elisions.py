"""Elides vowels before numbers: "l'8", "dall'11"; in Italian "il 8" is "l'otto" and "1 ora" is "un'ora"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_APOSTROPHE_SPACE: Final = {
    "fr": re.compile(r"(?<!\w)(l|d|qu|n|s|j|c|jusqu|lorsqu|puisqu)(['’]) (?=\w)", re.IGNORECASE),
    "it": re.compile(r"(?<!\w)(l|d|un|quest|quell|all|dall|dell|nell|sull|coll)(['’]) (?=\w)", re.IGNORECASE),
}
_BEFORE_VOWEL: Final = re.compile(
    r"\b(il|al|dal|del|nel|sul) (?=(?:otto|ottanta|ottocento|undici)(?:\w*)\b)", re.IGNORECASE
)
_DECADE: Final = re.compile(r"(?<=\w )['’](?=\d\d(?![\w.,'’]))")


def read_decades(text: str, _numbers: NumberWords) -> str:
    """Remove the apostrophe of a decade such as "gli anni '80". English decades ("'80s") are not affected."""
    return _DECADE.sub("", text) if "'" in text or "’" in text else text


def read(text: str, numbers: NumberWords) -> str:
    """Runs after the readers of numbers."""
    pattern = _APOSTROPHE_SPACE.get(numbers.locale_words.base_language)
    if pattern is not None:
        text = pattern.sub(r"\1\2", text)
    if numbers.locale_words.base_language == "it":
        text = _BEFORE_VOWEL.sub(lambda match: _elide(match[1]), text)
        text = re.sub(r"\b(da|a|de|ne|su)ll['’](?=primo\b)", r"\1l ", text, flags=re.IGNORECASE)
        text = re.sub(r"\b(un)a (?=ora\b)", r"\1'", text)
    return text


def _elide(article: str) -> str:
    """Return the elided article: "il" becomes "l'", "al" becomes "all'"."""
    if article.lower() == "il":
        return "L'" if article[0] == "I" else "l'"
    return f"{article}l'"
