"""Reads telephone numbers in their written groups, digit by digit, with a pause between groups."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.digit_by_digit import by_character
from voxport.text.normalise.locales.cues import NUMBER_CUES
from voxport.text.normalise.number_words import NumberWords

_SHAPES: Final = (
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}|\+\d{8,15}"  # +44 20 7946 0958
    r"|(?:1[ .-])?\(\d{2,5}\) ?\d{3,5}(?:[ .-]\d{2,5}){1,3}"  # (555) 123-4567
    r"|(?:1[ .-])?\d{3}-\d{3}-\d{4}|\d{3}-\d{4}|(?:1\.)?\d{3}\.\d{3}\.\d{4}|(?:1 )?\d{3} \d{3} \d{4}"  # 555-123-4567
    r"|1[ -]?8\d\d[ -]\d{3}[ -]\d{3,4}|1[38]00[ -]\d{3}[ -]\d{3,4}"
    r"|0\d(?:\.\d\d){4}|0\d{1,4}(?:[ -]\d{2,5}){2,5}|0\d{1,4}[ /-]\d{4,8}"  # 01 23 45 67 89, 07700 900123, 02-12345678
    r"|[6-9]\d{4} \d{5}|\d\d \d{3} \d\d \d\d|\d{3} \d\d \d\d \d\d|\d\d \d{4} \d{4}|\d{2} \d{4}-\d{4}"  # in, es, mx, ar
    r"|\d\d \d{5}-\d{4}|9\d{4}-\d{4}|3\d\d \d{6,7}"  # br, it
)
_PHONE: Final = re.compile(rf"(?<![\w.,/-])(?<!\d )(?:{_SHAPES})(?! ?\d)(?![\w/-])(?![.,]\d)")
_VANITY: Final = re.compile(
    r"(?<![\w.,/-])1-(8\d\d)-([A-Z]{3,10}(?:-[A-Z]{3,10})?|\d{3}-[A-Z]{4}|[A-Z]{3}-\d{4})(?!\w)"
)
"""1-800-FLOWERS: the word stays a word."""
_SPANISH_PHONE: Final = r"[6-9]\d\d \d{3} \d{3}"
_EMERGENCY: Final = (
    r"911|112|999|988|111|110|113|114|115|116|117|118|119|100|101|102|108|1098|190|191|192|193|197|198|199|"
    r"[2-8]11|061|062|080|091|15|17|18"
)
_SHORT_WORD: Final = r"(?! [^\W\d_]{4,}| ?[%€$£°]|[.,:/-]\d|\w)"


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _VANITY.sub(lambda match: _vanity_number(match, numbers), text)
    if numbers.locale_words.base_language in ("es", "fr"):
        text = _spanish().sub(lambda match: by_character(match.group(), numbers), text)
    text = _beside_cue(numbers).sub(lambda match: f"{match[1]}{_phone(match[2], numbers)}", text)
    text = _PHONE.sub(lambda match: _phone(match.group(), numbers), text)
    text = _emergency(numbers).sub(lambda match: _emergency_number(match, numbers), text)
    if numbers.locale_words.base_language == "en":
        text = re.sub(
            r"(?<![\w.,/$€£+-])911(?![\w%]| ?[$€£%°]| [a-z]+s\b|[.,:/-]\d)", lambda m: by_character(m[0], numbers), text
        )
    return _extension(numbers).sub(lambda match: _extension_words(match, numbers), text)


def _phone(written: str, numbers: NumberWords) -> str:
    """Return the number in words. French reads pairs of digits as numbers."""
    groups = re.findall(r"\d+", written)
    if written[0] == "+" and sum(map(len, groups)) < 7:
        return written
    if re.fullmatch(r"(?:0?[1-9]|[12]\d|3[01])([.-])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d", written):
        return written  # a date
    by_pairs = numbers.locale_words.base_language == "fr"
    if len(groups) == 1:
        spoken = [by_character(groups[0], numbers).strip()]
    else:
        spoken = [
            numbers.cardinal(group)
            if by_pairs and len(group) == 2 and group[0] != "0"
            else numbers.digit_by_digit(group)
            for group in groups
        ]
    plus = f"{numbers.locale_words.symbols['+']} " if written[0] == "+" else ""
    return f" {plus}{', '.join(spoken)} "


def _emergency_number(match: re.Match[str], numbers: NumberWords) -> str:
    """Read an emergency number. French reads two digits as a number: "le quinze"."""
    cue, digits = match[1] or "", next(group for group in match.groups()[1:] if group)
    if len(digits) == 2 and numbers.locale_words.base_language == "fr":
        return f"{cue}{numbers.cardinal(digits)}"
    return f"{cue}{by_character(digits, numbers)}"


def _vanity_number(match: re.Match[str], numbers: NumberWords) -> str:
    hundreds = numbers.cardinal(match[1]) if match[1].endswith("00") else numbers.digit_by_digit(match[1])
    rest = [
        numbers.digit_by_digit(part) if part.isdecimal() else part.lower() if len(part) > 3 else " ".join(part)
        for part in match[2].split("-")
    ]
    return f" {', '.join([numbers.digit_by_digit('1'), hundreds, *rest])} "


def _extension_words(match: re.Match[str], numbers: NumberWords) -> str:
    comma = "," if "," in match.group() else ""
    return f"{comma} {NUMBER_CUES[numbers.locale_words.base_language].extension_name}{by_character(match[1], numbers)}"


@cache
def _spanish() -> re.Pattern[str]:
    """Match nine digits in threes, a telephone number in Spain unless something is counted: "612 345 678 euros"."""
    return re.compile(
        rf"(?<![\w.,/-])(?<!\d ){_SPANISH_PHONE}(?=\s*(?:[.,;:!?)]|$)| (?:o|y|si|para|de|a|por|en|desde)\b)(?![.,]\d)"
    )


@cache
def _beside_cue(numbers: NumberWords) -> re.Pattern[str]:
    cues = NUMBER_CUES[numbers.locale_words.base_language].phone_words
    runs = (
        rf"\d{{3,4}}-\d{{4}}|\d{{3}} \d{{3,4}}|\d{{4}} \d{{4}}|\d{{2,5}}(?:[ .-]\d{{2,5}}){{1,4}}|"
        rf"{_SPANISH_PHONE}|\d{{7,13}}"
    )
    return re.compile(
        rf"((?<![\w\u0900-\u097f])(?i:{cues})(?![\w\u0900-\u097f])[.:]?"
        rf"(?: (?i:at|on|us|me|the|al|a|el|au|le|il|lo|para|o|no|is|es|est|è|é|nous|número|numéro|numero|number|है|पर))"
        rf"{{0,3}}[:,]? )({runs})(?! ?\d)(?![\w/%-])(?![.,]\d)(?! ?[€$£%]| [^\W\d_]{{5,}}s\b)"
    )


@cache
def _emergency(numbers: NumberWords) -> re.Pattern[str]:
    cues = NUMBER_CUES[numbers.locale_words.base_language].phone_words
    if numbers.locale_words.base_language == "hi":
        end = r"(?![\w\u0900-\u097f])"
        return re.compile(
            rf"((?<!\w))({_EMERGENCY})(?= (?:पर|नंबर|डायल){end})"
            rf"|(?:(?<=फ़ोन )|(?<=फोन )|(?<=कॉल )|(?<=डायल ))({_EMERGENCY})(?=\s*(?:[।.,!?]|$)| (?:कर|मिला|लगा))"
        )
    return re.compile(
        rf"((?<!\w)(?i:{cues})[.:]?(?: (?i:at|on|the|al|a|el|au|le|il|lo|para|o|no|número|numéro|numero|number)){{0,3}}"
        rf"[:,]? )({_EMERGENCY}){_SHORT_WORD}"
    )


@cache
def _extension(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(
        rf"(?<=[^\W\d_]) ?,? \(?"
        rf"(?:{NUMBER_CUES[numbers.locale_words.base_language].extension_words})\.? ?(\d{{1,6}})\)?(?!\w)",
        re.I,
    )
