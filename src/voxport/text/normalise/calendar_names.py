"""Names of days and months that are written short: "Jan 5", "Mon.", "5 janv. 2024", "lun. 3". Names by CLDR."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel.dates import get_day_names, get_month_names

from voxport.text.normalise.number_words import Speech, speech

_MORE: Final = {
    "en": {"sept": "September", "tues": "Tuesday", "thur": "Thursday", "thurs": "Thursday"},
    "es": {"set": "septiembre", "sep": "septiembre", "miér": "miércoles", "sáb": "sábado"},
    "it": {"sett": "settembre"},
    "pt": {},
    "fr": {"fév": "février", "oct": "octobre"},
    "hi": {},
}
"""What is usual beside CLDR's short forms."""
_DAY_OF_MONTH: Final = r"(?:3[01]|[12]\d|0?[1-9])"


def read(text: str, speech: Speech) -> str:
    if speech.wording.rules == "hi":
        return text  # CLDR's short forms in Hindi are whole words, or end with a sign of their own
    text = _after_number(speech).sub(lambda m: f"{m[1]}{_name(m[2], speech)}", text)
    text = _before_number(speech).sub(lambda m: _name(m[1], speech), text)
    if speech.wording.rules != "en":
        text = _day_pairs(speech).sub(lambda m: f"{_name(m[1], speech)}{m[2]}{_name(m[3], speech)}{_stop(m)}", text)
    text = _days(speech).sub(lambda m: _named_day(m, speech), text)
    if speech.wording.rules == "en":
        text = _months_alone(speech).sub(lambda m: _name(m[1], speech) + _stop(m), text)
    return text


@cache
def calendar_names(locale: str) -> frozenset[str]:
    """The names of days and months, in full and short, in small letters and without a dot."""
    names = [
        name
        for width in ("wide", "abbreviated")
        for each in (get_month_names(width, locale=locale), get_day_names(width, locale=locale))
        for name in each.values()
    ]
    return frozenset(name.lower().rstrip(".") for name in names)


@cache
def short_calendar(language: str) -> dict[str, str]:
    """The short names with their dot, and what they stand for: "Jan.", "lun."."""
    one = speech(language)
    names = {} if one.wording.rules == "hi" else {**_short_months(one), **_short_days(one)}
    if one.wording.rules == "en":
        return {f"{name.capitalize()}.": full for name, full in names.items()}
    return {f"{case}.": full for name, full in names.items() for case in (name, name.capitalize())}


def _name(short: str, speech: Speech) -> str:
    name = {**_short_months(speech), **_short_days(speech)}[short.lower().rstrip(".")]
    return name.capitalize() if short[0].isupper() and speech.wording.rules == "en" else name


def _named_day(match: re.Match[str], speech: Speech) -> str:
    return f"{_name(match[1], speech)}{_stop(match)}"


def _stop(match: re.Match[str]) -> str:
    """The dot, where it ended the sentence too."""
    ends = match.group().endswith(".") and re.match(r"[\"'”’)]*\s*$", match.string[match.end() : match.end() + 9])
    return "." if ends else ""


@cache
def _short_months(speech: Speech) -> dict[str, str]:
    locale = speech.wording.locale
    full = get_month_names("wide", locale=locale)
    short = {name.lower().rstrip("."): full[n] for n, name in get_month_names("abbreviated", locale=locale).items()}
    months = {v.lower() for v in full.values()}
    more = {key: name for key, name in _MORE[speech.wording.rules].items() if name.lower() in months}
    return {key: name for key, name in {**short, **more}.items() if key != name.lower()}


@cache
def _short_days(speech: Speech) -> dict[str, str]:
    locale = speech.wording.locale
    full = get_day_names("wide", locale=locale)
    short = {name.lower().rstrip("."): full[n] for n, name in get_day_names("abbreviated", locale=locale).items()}
    days = {v.lower() for v in full.values()}
    more = {key: name for key, name in _MORE[speech.wording.rules].items() if name.lower() in days}
    return {key: name for key, name in {**short, **more}.items() if key != name.lower()}


def _written(names: dict[str, str], speech: Speech) -> str:
    """A regular expression of the short names; English writes them with a capital."""
    written = sorted(names, key=len, reverse=True)
    if speech.wording.rules == "en":
        return "|".join(f"{name.capitalize()}|{name.upper()}" for name in written)
    return "|".join(f"(?i:{re.escape(name)})" for name in written)


@cache
def _after_number(speech: Speech) -> re.Pattern[str]:
    """Behind a day, with a dot, or before a year: "set" and "mar" are words too."""
    months = _written(_short_months(speech), speech)
    of = "" if speech.wording.rules in ("en", "fr", "it") else r"(?:de )?"
    if speech.wording.rules == "en":
        return re.compile(rf"(?<![\w.,:/])({_DAY_OF_MONTH}(?:st|nd|rd|th)?[ -])({months})(?:\.(?!\w)|(?!\w))")
    return re.compile(
        rf"(?<![\w.,:/])({_DAY_OF_MONTH}(?:º|°|er)? {of})({months})"
        r"(?:\.(?!\s*$)|\.?(?= (?:de )?(?:1\d|20)\d\d\b)|(?<! set)(?<! mar)(?=\.\s*$))"
    )


@cache
def _before_number(speech: Speech) -> re.Pattern[str]:
    """Before a day or a year, in English ("Jan 5", "Jan. 2024"); elsewhere with a dot before a year."""
    months = _written(_short_months(speech), speech)
    if speech.wording.rules == "en":
        return re.compile(rf"(?<![\w.])({months})\.?(?= \d)")
    return re.compile(rf"(?<![\w.])({months})\.(?= (?:de )?(?:1\d|20)\d\d\b)")


@cache
def _days(speech: Speech) -> re.Pattern[str]:
    days = _written(_short_days(speech), speech)
    if speech.wording.rules == "en":
        plain = rf"(?= ?[-–] ?(?:{days})(?!\w))|(?=,? (?:[A-Z][a-z]{{2,8}}\.? )?\d)|(?<=[-–][A-Z][a-z]{{2}})(?![\w.])"
        return re.compile(rf"(?<![\w.])(?<!the )(?<!The )({days})(?:\.(?![\w@])|{plain})")
    return re.compile(rf"(?<![\w.])({days})\.(?=,? \d|[-–,])")


@cache
def _day_pairs(speech: Speech) -> re.Pattern[str]:
    """ "Lun. au ven.", "seg. a sex."."""
    days = _written(_short_days(speech), speech)
    return re.compile(
        rf"(?<![\w.])({days})\.?( ?(?:[-–/]|au|à|al|alla?|ao|às?|a|et|e|y|ou|o)(?: el)? )({days})\.(?!\w)"
    )


@cache
def _months_alone(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])({_written(_short_months(speech), speech)})\.(?!\w)")
