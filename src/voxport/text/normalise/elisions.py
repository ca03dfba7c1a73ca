"""Words that lose their vowel before a number: "l'8", "dall'11"; Italian "il 8" is "l'otto", "1 ora" "un'ora"."""

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
    """The apostrophe of "gli anni '80", which English says with an ending of its own."""
    return _DECADE.sub("", text) if "'" in text or "’" in text else text


def read(text: str, numbers: NumberWords) -> str:
    """Behind the readers of numbers."""
    pattern = _APOSTROPHE_SPACE.get(numbers.locale_words.base_language)
    if pattern is not None:
        text = pattern.sub(r"\1\2", text)
    if numbers.locale_words.base_language == "it":
        text = _BEFORE_VOWEL.sub(lambda match: _elide(match[1]), text)
        text = re.sub(r"\b(da|a|de|ne|su)ll['’](?=primo\b)", r"\1l ", text, flags=re.IGNORECASE)
        text = re.sub(r"\b(un)a (?=ora\b)", r"\1'", text)
    return text


def _elide(article: str) -> str:
    """ "il" becomes "l'", "al" "all'"."""
    if article.lower() == "il":
        return "L'" if article[0] == "I" else "l'"
    return f"{article}l'"
