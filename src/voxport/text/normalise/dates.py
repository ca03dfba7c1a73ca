"""Reads dates and times: "2026-03-04", "3/4/2026", "March 3rd, 2026", "15:30", "3 p.m."."""

from __future__ import annotations

import calendar
import re
from functools import cache
from typing import Final

from babel.dates import get_month_names

from voxport.text.normalise.number_words import NumberWords

_ISO: Final = re.compile(r"(?<![\w./-])(\d{4})-(\d\d)-(\d\d)(?:T(?=\d\d:))?(?![\w-])")
_NUMERIC: Final = re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\w/-])(?!\.\d)")
_TIME: Final = re.compile(
    r"(?<![\w:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])(?:\s?([ap])(?:\.\s?m\.|m\b|\sm\b(?!['’])))?(?:\s?h\b|\s?बजे)?",
    re.IGNORECASE,
)
_HOUR: Final = re.compile(r"(?<![\w:.,])(1[0-2]|0?[1-9])\s?([ap])(?:\.\s?m\.|m\b)", re.IGNORECASE)
_TO_ANOTHER_TIME: Final = re.compile(r" (?:a|hasta|y) (?:las? )?\d{1,2}:\d\d")
_DASH_BETWEEN_TIMES: Final = re.compile(
    r"(?:(?<=\d[ap]m)|(?<=\d [ap]m)|(?<=\d[ap]\.m\.)|(?<=\d [ap]\.m\.)|(?<=\d [ap] m)|(?<=\d[ap] m)|(?<=\d:\d\d))"
    r" ?[-–] ?(?=\d{1,2}(?::\d\d| ?[ap]\.?m))",
    re.IGNORECASE,
)
"""The dash between two times."""
_DASH_BETWEEN_DATES: Final = re.compile(
    r"(?<=[./-]\d{4}) ?– ?(?=\d{1,2}[./-]\d{1,2}[./-]\d{4})|(?<=-\d\d) ?– ?(?=\d{4}-\d\d-\d\d)"
)
"""The dash between two dates."""


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _DASH_BETWEEN_TIMES.sub(f" {numbers.locale_words.range_to} ", text)
    text = _DASH_BETWEEN_DATES.sub(f" {numbers.locale_words.range_to} ", text)
    text = _ISO.sub(lambda m: _date(m, numbers, m[1], m[2], m[3]), text)
    text = _NUMERIC.sub(lambda m: _numeric(m, numbers), text)
    text = _named_months(text, numbers)
    text = _TIME.sub(lambda m: _time(m, numbers), text)
    return _HOUR.sub(lambda m: _hour(m, numbers), text)


def day_and_month(day: int, month: int, numbers: NumberWords) -> str:
    """Return a day and month in words, or an empty string if there is no such day."""
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2000, month)[1]:
        return ""
    name = _months(numbers.locale_words.locale)[month]
    spoken = numbers.locale_words.date_format.format(day=_day(day, numbers), month=name, year="").rstrip(", ")
    return f" {spoken.removesuffix(' de')} "


def _numeric(match: re.Match[str], numbers: NumberWords) -> str:
    first, second = match[1], match[3]
    month_first = numbers.locale_words.month_first
    if int(first if month_first else second) > 12:
        month_first = not month_first
    month, day = (first, second) if month_first else (second, first)
    return _date(match, numbers, match[4], month, day)


def _date(match: re.Match[str], numbers: NumberWords, year: str, month: str, day: str) -> str:
    """Return the date in words, or the text as written if there is no such day."""
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= 31 or int(year) == 0:
        return match.group()
    if int(day) > calendar.monthrange(2000, int(month))[1]:
        return match.group()
    name = _months(numbers.locale_words.locale)[int(month)]
    return (
        f" {numbers.locale_words.date_format.format(day=_day(int(day), numbers), month=name, year=numbers.year(year))} "
    )


def _day(day: int, numbers: NumberWords) -> str:
    if numbers.locale_words.ordinal_days or (day == 1 and numbers.locale_words.first_of_month):
        return numbers.ordinal(day)
    return numbers.cardinal(str(day))


def _named_months(text: str, numbers: NumberWords) -> str:
    """Read a day beside a month's name, which English and some other languages say as an ordinal. A later reader reads
    the year."""
    names = "|".join(re.escape(name) for name in _months(numbers.locale_words.locale).values())
    if numbers.locale_words.ordinal_days:
        suffix = r"(?:st|nd|rd|th)?"
        names = f"{names}|{names.upper()}"
        after = re.compile(rf"\b({names})\s(\d{{1,2}}){suffix}(?![\w:%/])(?![.,-]\d)")
        before = re.compile(rf"(?<![\w.,:/-])((?:[Tt]he|THE)\s)?(\d{{1,2}}){suffix}\s(?:of\s|OF\s)?({names})\b")
        text = after.sub(lambda m: f"{m[1]} {numbers.ordinal(int(m[2]))}" if 1 <= int(m[2]) <= 31 else m[0], text)
        return before.sub(
            lambda m: f"{m[1] or 'the '}{numbers.ordinal(int(m[2]))} of {m[3]}" if 1 <= int(m[2]) <= 31 else m[0], text
        )
    if numbers.locale_words.first_of_month:
        of = r"((?:\sde)?\s)"
        first = re.compile(rf"(?<![\w.,:/-])1{of}({names})\b", re.IGNORECASE)
        return first.sub(lambda m: f"{numbers.ordinal(1)}{m[1]}{m[2]}", text)
    return text


def _time(match: re.Match[str], numbers: NumberWords) -> str:
    spoken = _full_hour(match, numbers) or _clock_time(int(match[1]), int(match[2]), numbers, half_day=match[4])
    if match[3] and int(match[3]):
        spoken += f" {int(match[3])} s"  # the reader of units turns this into seconds
    return f" {spoken} "


def _full_hour(match: re.Match[str], numbers: NumberWords) -> str:
    """Return a full hour in Spanish, and elsewhere an empty string.

    "14:00" is "catorce horas" and "9:00 h" is "nueve horas". In "10:00 a 14:00" the first time has no noun.
    """
    hours, hour = numbers.locale_words.clock_hours, int(match[1])
    if hours is None or match[2] != "00" or match[4] or match[3] not in (None, "00"):
        return ""
    spoken = numbers.cardinal(str(hour), feminine=True)
    if _TO_ANOTHER_TIME.match(match.string, match.end()):
        return spoken
    if 1 <= hour <= 12 and not match.group().endswith(("h", "H")):
        return ""
    return f"{spoken} {hours[0 if hour == 1 else 1]}"


def _hour(match: re.Match[str], numbers: NumberWords) -> str:
    return f" {_clock_time(int(match[1]), 0, numbers, half_day=match[2])} "


def _clock_time(hour: int, minute: int, numbers: NumberWords, half_day: str | None = None) -> str:
    """Return the time in words. `half_day` is the first letter of "a.m." or "p.m."."""
    locale_words = numbers.locale_words
    hours = numbers.cardinal(
        str(hour), feminine=locale_words.feminine_hours and not (locale_words.base_language == "it" and hour > 1)
    )
    minutes = numbers.cardinal(str(minute))
    form = locale_words.time_format
    if minute == 0:
        form = "{hour}" if half_day else locale_words.full_hour_format
        if locale_words.hundred_hours_format and not half_day and not 1 <= hour <= 12:
            form = locale_words.hundred_hours_format
    elif minute < 10 and locale_words.single_digit_minutes_format:
        form = locale_words.single_digit_minutes_format
    spoken = form.format(hour=hours, minute=minutes)
    if locale_words.base_language == "fr" and hour < 2:
        spoken = spoken.replace("heures", "heure")
    if half_day:
        spoken += f" {locale_words.am if half_day.lower() == 'a' else locale_words.pm}"
    return spoken


@cache
def _months(locale: str) -> dict[int, str]:
    return dict(get_month_names("wide", locale=locale))
