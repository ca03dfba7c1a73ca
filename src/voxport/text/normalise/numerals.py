"""Reads plain numbers: ranges, fractions, versions, ordinals, decades, years, and all remaining digits."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.amounts import UNITS, unit_name
from voxport.text.normalise.calendar_names import calendar_names
from voxport.text.normalise.number_words import ELISION_MARK, NumberWords

_AMOUNT: Final = r"\d++(?:[.,٬]\d++)*+"
_ENDPOINT: Final = r"\d++(?:[.,٬]\d++)*+(?:[kKMB](?!\w)| ?[%°])?+"
_RANGE: Final = re.compile(
    rf"(?<![\w.,/:-])((?:[$£€¥₹] ?)?{_ENDPOINT})(?:-| ?– ?|—)(?=[$£€¥₹]?{_ENDPOINT}(?! ?[-–—] ?\d))"
)
"""Exactly two numbers: 3-2-1 is not a range, and a hyphen between spaces is a dash or a minus."""
_PRICES: Final = re.compile(
    rf"(?<![\w.,/:-])((?:R|US|A|C)?[$£€¥₹]) ?({_AMOUNT})(?:-| ?– ?|—)(?={_AMOUNT}(?!\w| ?[-–—] ?\d))"
)
"""Two amounts with one sign: "$3–5 million" is "three to five million dollars"."""
_NUMBERED_VERSION: Final = re.compile(
    r"(?<!\w)((?:versi[oó]ne?|version|vers[ãa]o|release|firmware|build|python|ios|ipados|macos|android|kernel|v)\.? ?)"
    r"(\d{1,4})\.([1-9]\d{1,3})(?![\w%])(?![.,]\d)",
    re.IGNORECASE,
)
"""The parts of a version are separate numbers: 2.10 comes after 2.9."""
_VERSION: Final = re.compile(r"(?<![\d.,])(?:(?<=\b[vV])|(?<![^\W_]))(\d{1,6}(?:\.\d{1,6}){2,8})(?![\w])(?!\.\d)")
_FRACTION: Final = re.compile(r"(?<![\w.,/-])(?:(\d{1,4}) )?(\d{1,4})/(\d{1,4})(?![\w/-])(?![.,]\d)")
_NOUN: Final = re.compile(r" (?!d[aeio]\b|d['’]|[eoyàa] )[^\W\d_]")
_SHORT_NOUN: Final = re.compile(r"\s(?:año|día|mes|vez|pie|ley|luz|rey|par|gol|bar|ojo|ala|voz|gas|kit|re|bit|web)\b")
"""Three-letter words that are counted; most words of that length are not nouns."""
_AFTER_ARTICLE: Final = re.compile(r"(?<!\w)(?:le|du|au|el|del|al|il|dal|nel|o|do|ao|no) $", re.IGNORECASE)
_DECADE: Final = re.compile(r"(?<![\w.,])['’]?((?:1[1-9]|20)?\d)0['’]?s\b")
_DECADES: Final = re.compile(r"(?<=\d0s) ?[-–] ?(?=['’]?(?:1[1-9]|20)?\d0s\b)")
_YEAR: Final = re.compile(r"(?<![\w.,+-])(1[1-9]\d\d|20\d\d)(?![\w%])(?![.,]\d)")
_EARLY_YEAR: Final = re.compile(
    r"(?:(?<=\b[Ii]n )|(?<=\bof )|(?<=\b[Ss]ince )|(?<=[a-z], ))(10[1-9]\d)(?=\s*(?:[.,;:!?)]|$))(?![.,]\d)"
)
"""A year before 1100, only if nothing is counted: "in 1066."."""
_NEGATIVE: Final = re.compile(r"(?:(?<=\s)|(?<=\()|^)[-−](?=\d)")
_MIN_COPIED_DIGITS: Final = 10
"""An unbroken run of this many digits or more is dialled or copied, not an amount."""


def read_shapes(text: str, numbers: NumberWords) -> str:
    """Read numbers that are recognised by their shape, before the readers of amounts run.

    In a range only the dash is read ("3-5" becomes "3 to 5"): later readers read its numbers.
    """
    if not any(character.isdecimal() for character in text):
        return text
    text = _VERSION.sub(lambda match: _version(match[1], numbers), text)
    text = _NUMBERED_VERSION.sub(lambda match: f"{match[1]}{_version(f'{match[2]}.{match[3]}', numbers)}", text)
    text = _PRICES.sub(rf"\2 {numbers.locale_words.range_to} \1", text)
    halves = numbers.locale_words.half_before_noun
    if halves is not None:
        text = _half_units().sub(lambda match: _half_unit(match, halves, numbers), text)
    text = _FRACTION.sub(lambda match: _fraction(match, numbers), text)
    if numbers.locale_words.locale.startswith("en"):
        text = _DECADES.sub(f" {numbers.locale_words.range_to} ", text)
        text = _DECADE.sub(lambda match: _decade(match, numbers), text)
    return _RANGE.sub(rf"\1 {numbers.locale_words.range_to} ", text)


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    if numbers.locale_words.ordinal_suffixes:
        text = _ordinals(numbers).sub(lambda match: _ordinal(match, numbers), text)
    text = _NEGATIVE.sub(f"{numbers.locale_words.minus} ", text)
    if numbers.locale_words.base_language == "en":
        text = _EARLY_YEAR.sub(lambda match: f" {numbers.year(match[1])} ", text)
    text = _YEAR.sub(lambda match: f" {numbers.year(match[1])} ", text)
    text = _numbers(numbers).sub(lambda match: _number(match, numbers), text).replace(f"{ELISION_MARK} ", "")
    return re.sub(r"\d++", lambda match: f" {numbers.cardinal(match.group())} ", text)


def _version(written: str, numbers: NumberWords) -> str:
    english = numbers.locale_words.locale.startswith("en")
    address = written.count(".") == 3
    sign = numbers.locale_words.decimal_point if english and not address else numbers.locale_words.address_symbols["."]
    dot = f" {sign} "
    return f" {dot.join(numbers.cardinal(part) for part in written.split('.'))} "


def _fraction(match: re.Match[str], numbers: NumberWords) -> str:
    whole, numerator, denominator = match[1], int(match[2]), int(match[3])
    locale_words = numbers.locale_words
    fraction = _fraction_words(numerator, denominator, numbers)
    conjunction, *half = locale_words.and_a_half.split()
    before = match.string[max(0, match.start() - 6) : match.start()]
    if (
        (numerator, denominator, whole) == (1, 2, None)
        and re.search(rf"[^\W\d_] {conjunction} $", before)
        and locale_words.half_before_noun
    ):
        return f" {half[-1]} "  # "1 kg e 1/2"
    is_one_part = numerator == 1 and denominator > 2 and denominator in locale_words.denominators and whole is None
    if is_one_part and locale_words.base_language != "en" and _AFTER_ARTICLE.search(before):
        return f" {locale_words.denominators[denominator][0]} "  # "le tiers"
    following = match.string[match.end() : match.end() + 40]
    if (numerator, denominator, whole) == (1, 2, None) and locale_words.half_before_noun and _NOUN.match(following):
        return f" {locale_words.half_before_noun[numbers.is_feminine(following)]} "
    if whole:
        middle = (
            f" {locale_words.and_a_half} "
            if (numerator, denominator) == (1, 2)
            else f" {locale_words.address_symbols['&']} {fraction} "
        )
        return f" {numbers.cardinal(whole)}{middle}"
    return f" {fraction} "


def _fraction_words(numerator: int, denominator: int, numbers: NumberWords) -> str:
    locale_words = numbers.locale_words
    if (numerator, denominator) == (1, 2):
        return locale_words.one_half
    spoken = numbers.cardinal(str(numerator), before_noun=True)
    if denominator in locale_words.denominators:
        return f"{spoken} {locale_words.denominators[denominator][0 if numerator == 1 else 1]}"
    if locale_words.locale.startswith("en") and 4 < denominator <= 20 and numerator < denominator:
        return f"{spoken} {numbers.ordinal(denominator)}{'' if numerator == 1 else 's'}"
    return f"{spoken} {locale_words.fraction_over} {numbers.cardinal(str(denominator))}"


def _half_unit(match: re.Match[str], halves: tuple[str, str], numbers: NumberWords) -> str:
    key = UNITS[match["unit"]]
    return f" {halves[key in numbers.locale_words.feminine_units]} {unit_name(key, 1, numbers)} "


def _decade(match: re.Match[str], numbers: NumberWords) -> str:
    """Read a decade: "1990s" is "nineteen nineties", "2000s" is "two thousands"."""
    digits = match[1] + "0"
    words = numbers.year(digits) if len(digits) == 4 else numbers.cardinal(digits)
    return f" {words[:-1]}ies " if words.endswith("y") else f" {words}s "


def _ordinal(match: re.Match[str], numbers: NumberWords) -> str:
    if numbers.locale_words.base_language == "hi":
        return f" {numbers.cardinal(match[1])}{match[2]} "  # "5वीं" keeps its ending, which says gender and case
    spoken = numbers.ordinal(
        int(re.sub(r"\D", "", match[1])), feminine=match[2].lower() in numbers.locale_words.feminine_suffixes
    )
    plural_suffix = "s" if numbers.locale_words.base_language == "fr" and match[2][-1] in "sS" else ""
    return f" {spoken}{plural_suffix} "


def _number(match: re.Match[str], numbers: NumberWords) -> str:
    written, following = match.group(), match.string[match.end() : match.end() + 40]
    if len(written) >= _MIN_COPIED_DIGITS and written.isdecimal():
        return f" {numbers.digit_by_digit(written)} "
    noun = re.match(r"\s[^\W\d_]{2}", following) is not None and (
        not re.match(r"\s\w{1,3}\b", following) or _SHORT_NOUN.match(following) is not None
    )
    noun = noun and following.split()[0].rstrip(".,;:!?)").lower() not in calendar_names(numbers.locale_words.locale)
    spoken = numbers.say(written, feminine=numbers.is_feminine(following), before_noun=noun)
    return f" {spoken}{numbers.million_preposition(written, following) if noun else ' '}"


@cache
def _half_units() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True) if unit != "°")
    return re.compile(rf"(?<![\w.,/-])(?<!\d )1/2 ?(?P<unit>{units})(?![\w/²³'’])")


@cache
def _numbers(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d)(?<!\d[.,]){numbers.pattern}")


@cache
def _ordinals(numbers: NumberWords) -> re.Pattern[str]:
    groups = r"\." if numbers.locale_words.decimal_comma else ","
    number = rf"\d{{1,3}}(?:{groups}\d{{3}}){{1,3}}|\d{{1,6}}"
    return re.compile(rf"(?<![\w.,])({number})({numbers.locale_words.ordinal_suffixes})(?!\w)", re.IGNORECASE)
