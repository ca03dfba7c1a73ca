"""Reads Roman numerals of wars and titled rulers, and those that can be nothing else. `abbreviations` reads the
others."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_CANONICAL: Final = r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_STANDALONE: Final = re.compile(rf"(?<![\w.'’-])(?=[IVXLCDM]{{3,15}}(?![\w'’-])){_CANONICAL}(?![\w'’-]|\.\w)")
_ORDINARY_WORDS: Final = frozenset(
    [
        "XXX",
        "XXL",
        "CIV",
        "DIM",
        "MIX",
        "DIX",
        "LIV",
        "MIL",
        "MID",
        "CCC",
        "MCC",
        "MDC",
        "CDC",
        "DCC",
        "MMC",
        "MCM",
        "LCD",
        "CCM",
        "CID",
        "CLI",
        "DVI",
    ]
)
_CERTAIN: Final = re.compile(r"[IVX]{3,}|[IVXLCDM]{4,}")
_WAR: Final = re.compile(r"\b(War|[Gg]uerre mondiale|[Gg]uerra [Mm]ondiale|[Gg]uerra [Mm]undial) (I{1,3})(?![\w'’.-])")
_WAR_AFTER: Final = re.compile(r"(?<![\w.])(I{1,3})\.?(?:ª|re|e|ère|ème)? (?=(?:[Gg]uerra|[Gg]uerre)\b)")
_RULER: Final = re.compile(r"\b((?:King|Queen|Pope|Emperor|Tsar|Czar|Kaiser|Prince|Sultan) [A-Z]\w{2,15}) I(?= \w)")
_AFTER_CENTURY: Final = re.compile(
    r"\b([Ss]ecol[oi]|[Ss]iglos?|[Ss]éculos?|[Cc]hapter|[Cc]apítulo|[Cc]apitolo|[Cc]hapitre|Super Bowl|Tomo|Part)"
    rf" (?=[IVXLCDM])({_CANONICAL})(?![\w'’-])"
)


def read(text: str, numbers: NumberWords) -> str:
    if not re.search(r"[IVXLCDM]", text):
        return text
    base_language = numbers.locale_words.base_language
    if base_language == "en":
        text = _RULER.sub(lambda match: f"{match[1]} {numbers.locale_words.ruler_article}{numbers.ordinal(1)}", text)
    text = _WAR.sub(lambda match: f"{match[1]} {_war_number(len(match[2]), numbers)}", text)
    if base_language in ("es", "it", "pt", "fr"):
        text = _WAR_AFTER.sub(lambda match: f"{numbers.ordinal(len(match[1]), feminine=True)} ", text)
    text = _AFTER_CENTURY.sub(lambda match: f"{match[1]} {_numbered(match, numbers)}", text)
    return _STANDALONE.sub(lambda match: _standalone(match, numbers), text)


def _war_number(value: int, numbers: NumberWords) -> str:
    return (
        numbers.cardinal(str(value))
        if numbers.locale_words.base_language == "en"
        else numbers.ordinal(value, feminine=True)
    )


def _numbered(match: re.Match[str], numbers: NumberWords) -> str:
    value = _roman_value(match[2])
    if match[1].lower() == "secolo":
        return numbers.ordinal(value)  # "secolo XIX" is "secolo diciannovesimo"
    if match[1].lower() == "século" and value <= 10:
        return numbers.ordinal(value)
    return numbers.cardinal(str(value))


def _standalone(match: re.Match[str], numbers: NumberWords) -> str:
    """Read a numeral as a number or a year. After a ruler's name it is left to `abbreviations`."""
    numeral = match.group()
    before = re.search(r"(\w+)\s$", match.string[max(0, match.start() - 30) : match.start()])
    if (
        numeral in _ORDINARY_WORDS
        or not _CERTAIN.fullmatch(numeral)
        or (before and before[1] in numbers.locale_words.rulers)
    ):
        return numeral
    if numbers.locale_words.century_word and re.match(
        rf"(?:e|º|°)?\s{numbers.locale_words.century_word}", match.string[match.end() : match.end() + 12]
    ):
        return numeral
    value = _roman_value(numeral)
    return numbers.year(str(value)) if 1100 <= value <= 2099 else numbers.cardinal(str(value))


_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def _roman_value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
