"""Reads codes, accounts, cards, plates and other identifiers, recognised by adjacent words or by their shape."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.digit_by_digit import by_character
from voxport.text.normalise.locales.cues import NUMBER_CUES
from voxport.text.normalise.number_words import NumberWords

_SHAPES: Final = re.compile(
    r"(?<![\w.,/+-])(?<!\d )(?<!\) )(?:"
    r"\d{4}([ -])\d{4}\1\d{4}(?:\1\d{4})?"  # a card, or India's Aadhaar
    r"|3[47]\d\d[ -]\d{6}[ -]\d{5}"  # American Express
    r"|\d{3}-\d\d-\d{4}"  # United States: social security
    r"|\d{5}-\d{4}|\d{5}-\d{3}"  # ZIP+4, CEP
    r"|\d{3}\.\d{3}\.\d{3}-\d\d|\d\d\.\d{3}\.\d{3}/\d{4}-\d\d|\d{1,2}\.\d{3}\.\d{3}-[\dX]"  # CPF, CNPJ, RG and RUT
    r"|\d{1,2}\.\d{3}\.\d{3}-?[A-Z]|\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z]"  # DNI, NIE
    r"|97[89][ -]\d{1,5}[ -]\d{1,7}[ -]\d{1,7}[ -][\dX]|97[89][ -]?\d{9}[\dX]"  # ISBN
    r"|[12] \d\d \d\d \d\d \d{3} \d{3}(?: \d\d)?"  # France: sécurité sociale
    r"|[A-Z]{2}\d\d(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?"  # IBAN
    r"|[\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}|(?:[\dA-Fa-f]{2}:){5}[\dA-Fa-f]{2}"  # UUID, MAC
    r"|0x[\da-fA-F]{1,32}|(?=[a-f]{0,9}\d)(?=\d{0,9}[a-f])(?=[\da-f]*[a-f]\d+[a-f])[\da-f]{7,64}"
    r"|[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]"  # Italy: codice fiscale
    r"|[A-Z]{2}[ -]\d{3}[ -][A-Z]{2}|[A-Z]{2}\d{3}[A-Z]{2}|[A-Z]{3}-\d{4}|[A-Z]{3}\d[A-Z]\d\d"  # plates: fr, it, pt
    r"|[A-Z]{2}\d\d ?[A-Z]{3}|[A-Z]{2}[ -]?\d\d[ -]?[A-Z]{1,2}[ -]?\d{4}"  # gb, hi
    r"|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]{5}\d{4}[A-Z]"  # a British postcode, India's PAN
    r")(?![\w/-])(?![.,]\d)"
)
_CHARACTERS: Final = (
    r"(?:[A-Z]{1,4}[ -]?)?\d[\dA-Z]{0,24}(?:(?:[-./]| (?=\d{3}))[\dA-Z]{1,12}){0,6}"
    r"(?![\w%°€$£-])(?![.,:/]\d)(?! ?[%°€$£])"
)
_SMALL_COUNT: Final = re.compile(r"\d{1,2}")
_YEAR: Final = re.compile(r"19\d\d|20\d\d")
_CERTAIN_VERBS: Final = "has|was|is|does|goes|leaves|departs|arrives|boards|lands|needs|expires"
_COUNTED: Final = re.compile(rf" (?!(?:{_CERTAIN_VERBS})\b)[a-z]{{2,20}}s\b")
"""A plural noun: the number before it is a count."""
_MEASURED: Final = re.compile(
    r" ?(?:[ckm]?m|[km]?g|[cm]?l|h|min|km/h|lbs?|oz|ft|euros?|euro|dollari|dólares|dollars|reais|persone|mil|mille|"
    r"रुपये|रुपए|लाख|करोड़|लोग|किलो|किमी)(?![\w\u0900-\u097f])"
)


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _SHAPES.sub(lambda match: by_character(match.group(), numbers), text)
    text = _code_pattern(numbers).sub(lambda match: _read_cued(match, numbers, is_code=True), text)
    text = _thing_pattern(numbers).sub(lambda match: _read_cued(match, numbers, is_code=False), text)
    return _predicate_pattern(numbers).sub(lambda match: f"{by_character(match['id'], numbers)}", text)


def _read_cued(match: re.Match[str], numbers: NumberWords, *, is_code: bool) -> str:
    written = match["id"]
    if _SMALL_COUNT.fullmatch(written) and written[0] != "0":
        return match.group()
    if re.fullmatch(r"\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d{1,2}[.-]\d{1,2}[.-]\d{4}|\d{4}-\d\d-\d\d", written):
        return match.group()  # a date
    counted = _COUNTED.match(match.string, match.end()) or _MEASURED.match(match.string, match.end())
    if not is_code and (_YEAR.fullmatch(written) or counted):
        return match.group()
    return f"{match['cue']}{by_character(written, numbers)}"


@cache
def _code_pattern(numbers: NumberWords) -> re.Pattern[str]:
    return _cued_pattern(NUMBER_CUES[numbers.locale_words.base_language].code_words, numbers)


@cache
def _thing_pattern(numbers: NumberWords) -> re.Pattern[str]:
    return _cued_pattern(NUMBER_CUES[numbers.locale_words.base_language].numbered_things, numbers)


def _cued_pattern(cue: str, numbers: NumberWords) -> re.Pattern[str]:
    between = NUMBER_CUES[numbers.locale_words.base_language].filler_words
    return re.compile(
        rf"(?P<cue>(?<![\w\u0900-\u097f])(?i:{cue})(?![\w\u0900-\u097f])"
        rf"(?:\s?[.:,#]{{1,2}}|\s(?i:{between})(?![\w\u0900-\u097f])){{0,6}}\s?)(?P<id>{_CHARACTERS})"
    )


@cache
def _predicate_pattern(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w.,/-])(?P<id>(?:[A-Z]-?)?\d{{3,10}}|\d{{3}}[ -]\d{{3}})"
        rf"(?= (?i:{NUMBER_CUES[numbers.locale_words.base_language].code_predicate}))"
    )
