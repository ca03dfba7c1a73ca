"""Words that lose their vowel before a number: "l'8", "dall'11"; Italian "il 8" is "l'otto", "1 ora" "un'ora"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import Speech

_APART: Final = {
    "fr": re.compile(r"(?<!\w)(l|d|qu|n|s|j|c|jusqu|lorsqu|puisqu)(['’]) (?=\w)", re.IGNORECASE),
    "it": re.compile(r"(?<!\w)(l|d|un|quest|quell|all|dall|dell|nell|sull|coll)(['’]) (?=\w)", re.IGNORECASE),
}
_BEFORE_VOWEL: Final = re.compile(
    r"\b(il|al|dal|del|nel|sul) (?=(?:otto|ottanta|ottocento|undici)(?:\w*)\b)", re.IGNORECASE
)
_DECADE: Final = re.compile(r"(?<=\w )['’](?=\d\d(?![\w.,'’]))")


def read_decades(text: str, _speech: Speech) -> str:
    """The apostrophe of "gli anni '80", which English says with an ending of its own."""
    return _DECADE.sub("", text) if "'" in text or "’" in text else text


def read(text: str, speech: Speech) -> str:
    """Behind the readers of numbers."""
    apart = _APART.get(speech.wording.rules)
    if apart is not None:
        text = apart.sub(r"\1\2", text)
    if speech.wording.rules == "it":
        text = _BEFORE_VOWEL.sub(lambda match: _elided(match[1]), text)
        text = re.sub(r"\b(da|a|de|ne|su)ll['’](?=primo\b)", r"\1l ", text, flags=re.IGNORECASE)
        text = re.sub(r"\b(un)a (?=ora\b)", r"\1'", text)
    return text


def _elided(article: str) -> str:
    """ "il" becomes "l'", "al" "all'"."""
    if article.lower() == "il":
        return "L'" if article[0] == "I" else "l'"
    return f"{article}l'"
