"""Expands abbreviated names of days and months: "Jan 5", "Mon.", "5 janv. 2024", "lun. 3". The names are from CLDR."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel.dates import get_day_names, get_month_names

from voxport.text.normalise.number_words import NumberWords, number_words

_MORE_ABBREVIATIONS: Final = {
    "en": {"sept": "September", "tues": "Tuesday", "thur": "Thursday", "thurs": "Thursday"},
    "es": {"set": "septiembre", "sep": "septiembre", "miér": "miércoles", "sáb": "sábado"},
    "it": {"sett": "settembre"},
    "pt": {},
    "fr": {"fév": "février", "oct": "octobre"},
    "hi": {},
}
"""Common abbreviations that CLDR lacks."""
_DAY_OF_MONTH: Final = r"(?:3[01]|[12]\d|0?[1-9])"


def read(text: str, numbers: NumberWords) -> str:
    if numbers.locale_words.base_language == "hi":
        return text  # CLDR's short forms in Hindi are whole words, or end with a special sign
    text = _after_number(numbers).sub(lambda m: f"{m[1]}{_name(m[2], numbers)}", text)
    text = _before_number(numbers).sub(lambda m: _name(m[1], numbers), text)
    if numbers.locale_words.base_language != "en":
        text = _day_pairs(numbers).sub(
            lambda m: f"{_name(m[1], numbers)}{m[2]}{_name(m[3], numbers)}{_sentence_dot(m)}", text
        )
    text = _days(numbers).sub(lambda m: _named_day(m, numbers), text)
    if numbers.locale_words.base_language == "en":
        text = _months_alone(numbers).sub(lambda m: _name(m[1], numbers) + _sentence_dot(m), text)
    return text


@cache
def calendar_names(locale: str) -> frozenset[str]:
    """Return the full and short names of days and months, in lower case and without a dot."""
    names = [
        name
        for width in ("wide", "abbreviated")
        for each in (get_month_names(width, locale=locale), get_day_names(width, locale=locale))
        for name in each.values()
    ]
    return frozenset(name.lower().rstrip(".") for name in names)


@cache
def calendar_abbreviations(language: str) -> dict[str, str]:
    """Map the short names, with their dot, to the full ones: "Jan.", "lun."."""
    numbers = number_words(language)
    names = {} if numbers.locale_words.base_language == "hi" else {**_short_months(numbers), **_short_days(numbers)}
    if numbers.locale_words.base_language == "en":
        return {f"{name.capitalize()}.": full for name, full in names.items()}
    return {f"{case}.": full for name, full in names.items() for case in (name, name.capitalize())}


def _name(short: str, numbers: NumberWords) -> str:
    name = {**_short_months(numbers), **_short_days(numbers)}[short.lower().rstrip(".")]
    return name.capitalize() if short[0].isupper() and numbers.locale_words.base_language == "en" else name


def _named_day(match: re.Match[str], numbers: NumberWords) -> str:
    return f"{_name(match[1], numbers)}{_sentence_dot(match)}"


def _sentence_dot(match: re.Match[str]) -> str:
    """Return the dot if it also ended the sentence."""
    ends = match.group().endswith(".") and re.match(r"[\"'”’)]*\s*$", match.string[match.end() : match.end() + 9])
    return "." if ends else ""


@cache
def _short_months(numbers: NumberWords) -> dict[str, str]:
    locale = numbers.locale_words.locale
    full = get_month_names("wide", locale=locale)
    short = {name.lower().rstrip("."): full[n] for n, name in get_month_names("abbreviated", locale=locale).items()}
    months = {v.lower() for v in full.values()}
    extra = {
        key: name
        for key, name in _MORE_ABBREVIATIONS[numbers.locale_words.base_language].items()
        if name.lower() in months
    }
    return {key: name for key, name in {**short, **extra}.items() if key != name.lower()}


@cache
def _short_days(numbers: NumberWords) -> dict[str, str]:
    locale = numbers.locale_words.locale
    full = get_day_names("wide", locale=locale)
    short = {name.lower().rstrip("."): full[n] for n, name in get_day_names("abbreviated", locale=locale).items()}
    days = {v.lower() for v in full.values()}
    extra = {
        key: name
        for key, name in _MORE_ABBREVIATIONS[numbers.locale_words.base_language].items()
        if name.lower() in days
    }
    return {key: name for key, name in {**short, **extra}.items() if key != name.lower()}


def _alternatives(names: dict[str, str], numbers: NumberWords) -> str:
    """Return a regular expression of the short names. In English they must be capitalised or upper-case."""
    written = sorted(names, key=len, reverse=True)
    if numbers.locale_words.base_language == "en":
        return "|".join(f"{name.capitalize()}|{name.upper()}" for name in written)
    return "|".join(f"(?i:{re.escape(name)})" for name in written)


@cache
def _after_number(numbers: NumberWords) -> re.Pattern[str]:
    """Match a short month after a day. Romance languages need a dot or a year too: "set" and "mar" are also words."""
    months = _alternatives(_short_months(numbers), numbers)
    of = "" if numbers.locale_words.base_language in ("en", "fr", "it") else r"(?:de )?"
    if numbers.locale_words.base_language == "en":
        return re.compile(rf"(?<![\w.,:/])({_DAY_OF_MONTH}(?:st|nd|rd|th)?[ -])({months})(?:\.(?!\w)|(?!\w))")
    return re.compile(
        rf"(?<![\w.,:/])({_DAY_OF_MONTH}(?:º|°|er)? {of})({months})"
        r"(?:\.(?!\s*$)|\.?(?= (?:de )?(?:1\d|20)\d\d\b)|(?<! set)(?<! mar)(?=\.\s*$))"
    )


@cache
def _before_number(numbers: NumberWords) -> re.Pattern[str]:
    """Match a short month before a day or a year in English ("Jan 5", "Jan. 2024"), elsewhere with a dot before a
    year."""
    months = _alternatives(_short_months(numbers), numbers)
    if numbers.locale_words.base_language == "en":
        return re.compile(rf"(?<![\w.])({months})\.?(?= \d)")
    return re.compile(rf"(?<![\w.])({months})\.(?= (?:de )?(?:1\d|20)\d\d\b)")


@cache
def _days(numbers: NumberWords) -> re.Pattern[str]:
    days = _alternatives(_short_days(numbers), numbers)
    if numbers.locale_words.base_language == "en":
        plain = rf"(?= ?[-–] ?(?:{days})(?!\w))|(?=,? (?:[A-Z][a-z]{{2,8}}\.? )?\d)|(?<=[-–][A-Z][a-z]{{2}})(?![\w.])"
        return re.compile(rf"(?<![\w.])(?<!the )(?<!The )({days})(?:\.(?![\w@])|{plain})")
    return re.compile(rf"(?<![\w.])({days})\.(?=,? \d|[-–,])")


@cache
def _day_pairs(numbers: NumberWords) -> re.Pattern[str]:
    """Match two short days with a separator: "Lun. au ven.", "seg. a sex."."""
    days = _alternatives(_short_days(numbers), numbers)
    return re.compile(
        rf"(?<![\w.])({days})\.?( ?(?:[-–/]|au|à|al|alla?|ao|às?|a|et|e|y|ou|o)(?: el)? )({days})\.(?!\w)"
    )


@cache
def _months_alone(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])({_alternatives(_short_months(numbers), numbers)})\.(?!\w)")
