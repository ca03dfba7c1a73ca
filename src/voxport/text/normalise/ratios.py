"""Reads ratios and positions: "3:2", "16:9", "1:100", "45° N", and "50/50"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_SCREENS: Final = {
    "es": {"9": "novenos", "3": "tercios", "10": "décimos"},
    "fr": {"9": "neuvièmes", "3": "tiers", "10": "dixièmes"},
    "it": {"9": "noni", "3": "terzi", "10": "decimi"},
}
"""Keyed by height: these languages read a screen's ratio as a fraction."""
_SCREEN: Final = re.compile(r"(?<![\w.,:])(16|4|21):(9|3|10)(?![\w:])(?![.,]\d)(?! ?[ap]\.?m)")
_RATIO_WORD: Final = {"en": "to", "es": "a", "fr": "pour", "it": "a", "pt": "para", "hi": "अनुपात"}
_RATIO: Final = re.compile(r"(?<![\w.,:])(\d{1,6}):(\d|\d{3,6})(?![\w:])(?![.,]\d{1,2}(?!\d))(?! ?[ap]\.?m)")
"""The minutes of a time have two digits, so one digit or three and more make a ratio."""
_CUED: Final = re.compile(
    r"(?<!\w)((?:ratios?|scale|mix\w*|odds|dilut\w+|aspect|raz[óo]n|proporci[óo]n|escala|relaci[óo]n|rapport|échelle|"
    r"ratio|proportions?|rapporto|scala|proporzione|propor[çc][ãa]o|raz[ãa]o|अनुपात)"
    r"(?: (?:is|was|of|at|to|by|it|es|de|del|est|è|di|é|em|का))?:? )(\d{1,4}):(\d{1,4})(?![\w:])",
    re.IGNORECASE,
)
_BOOK: Final = re.compile(
    r"(?:Genesis|Exodus|Psalms?|Proverbs|Isaiah|Matthew|Mark|Luke|John|Acts|Romans|Corinthians|Génesis|Salmos?|Mateo|"
    r"Marcos|Lucas|Juan|Romanos|Genèse|Psaumes?|Matthieu|Marc|Luc|Jean|Genesi|Salm[oi]|Matteo|Marco|Luca|Giovanni|"
    r"Gênesis|Mateus|João) $"
)
"""A book of the Bible, before a chapter and verse."""
_COMPASS: Final = {
    "en": {"N": "north", "S": "south", "E": "east", "W": "west"},
    "es": {"N": "norte", "S": "sur", "E": "este", "O": "oeste", "W": "oeste"},
    "fr": {"N": "nord", "S": "sud", "E": "est", "O": "ouest", "W": "ouest"},
    "it": {"N": "nord", "S": "sud", "E": "est", "O": "ovest", "W": "ovest"},
    "pt": {"N": "norte", "S": "sul", "E": "leste", "L": "leste", "O": "oeste", "W": "oeste"},
    "hi": {"N": "उत्तर", "S": "दक्षिण", "E": "पूर्व", "W": "पश्चिम"},
}
_POSITION: Final = re.compile(
    r"(\d)°(?: ?(\d{1,2})['′](?: ?(\d{1,2})(?:[.,]\d{1,4})?[\"″])?)? ?([NSEWOL])(?![\w'’])(?!\.\w)"
)
_HALVES: Final = re.compile(r"(?<![\w.,/-])50/50(?![\w/-])(?![.,]\d)")


def read(text: str, numbers: NumberWords) -> str:
    """Runs before the readers of times and fractions."""
    if ":" in text:
        text = _SCREEN.sub(lambda match: _screen(match, numbers), text)
        text = _CUED.sub(lambda match: f"{match[1]}{_ratio(match[2], match[3], numbers)}", text)
        text = _RATIO.sub(lambda match: _ratio_or_verse(match, numbers), text)
    if "°" in text:
        text = _POSITION.sub(lambda match: _position(match, numbers), text)
    return _HALVES.sub("50 50", text) if "/" in text else text


def _ratio(first: str, second: str, numbers: NumberWords) -> str:
    return f"{first} {_RATIO_WORD[numbers.locale_words.base_language]} {second}"


def _screen(match: re.Match[str], numbers: NumberWords) -> str:
    if numbers.locale_words.base_language == "pt":
        return f"{match[1]} por {match[2]}"
    names = _SCREENS.get(numbers.locale_words.base_language)
    return f"{match[1]} {names[match[2]]}" if names else _ratio(match[1], match[2], numbers)


def _ratio_or_verse(match: re.Match[str], numbers: NumberWords) -> str:
    if _BOOK.search(match.string, max(0, match.start() - 16), match.start()):
        return f"{match[1]}, {match[2]}"
    return _ratio(match[1], match[2], numbers)


def _position(match: re.Match[str], numbers: NumberWords) -> str:
    name = _COMPASS[numbers.locale_words.base_language].get(match[4])
    if name is None:
        return match.group()
    minutes = f" {match[2]} min" if match[2] else ""
    seconds = f" {match[3]} s" if match[3] else ""
    return f"{match[1]}°{minutes}{seconds} {name}"
