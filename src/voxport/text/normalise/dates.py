"""Dates and times: "2026-03-04", "3/4/2026", "March 3rd, 2026", "15:30", "3 p.m."."""

from __future__ import annotations

import calendar
import re
from functools import cache
from typing import Final

from babel.dates import get_month_names

from voxport.text.normalise.number_words import Speech

_ISO: Final = re.compile(r"(?<![\w./-])(\d{4})-(\d\d)-(\d\d)(?:T(?=\d\d:))?(?![\w-])")
_NUMERIC: Final = re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\w/-])(?!\.\d)")
_TIME: Final = re.compile(
    r"(?<![\w:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])(?:\s?([ap])(?:\.\s?m\.|m\b|\sm\b(?!['’])))?(?:\s?h\b|\s?बजे)?",
    re.IGNORECASE,
)
_HOUR: Final = re.compile(r"(?<![\w:.,])(1[0-2]|0?[1-9])\s?([ap])(?:\.\s?m\.|m\b)", re.IGNORECASE)
_TO_ANOTHER: Final = re.compile(r" (?:a|hasta|y) (?:las? )?\d{1,2}:\d\d")
_TIMES: Final = re.compile(
    r"(?:(?<=\d[ap]m)|(?<=\d [ap]m)|(?<=\d[ap]\.m\.)|(?<=\d [ap]\.m\.)|(?<=\d [ap] m)|(?<=\d[ap] m)|(?<=\d:\d\d))"
    r" ?[-–] ?(?=\d{1,2}(?::\d\d| ?[ap]\.?m))",
    re.IGNORECASE,
)
"""The dash between two times."""
_DATES: Final = re.compile(r"(?<=[./-]\d{4}) ?– ?(?=\d{1,2}[./-]\d{1,2}[./-]\d{4})|(?<=-\d\d) ?– ?(?=\d{4}-\d\d-\d\d)")
"""The dash between two dates."""


def read(text: str, speech: Speech) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _TIMES.sub(f" {speech.wording.to} ", text)
    text = _DATES.sub(f" {speech.wording.to} ", text)
    text = _ISO.sub(lambda m: _date(m, speech, m[1], m[2], m[3]), text)
    text = _NUMERIC.sub(lambda m: _numeric(m, speech), text)
    text = _named(text, speech)
    text = _TIME.sub(lambda m: _time(m, speech), text)
    return _HOUR.sub(lambda m: _hour(m, speech), text)


def day_and_month(day: int, month: int, speech: Speech) -> str:
    """A day without its year in words, or nothing where there is no such day."""
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(2000, month)[1]:
        return ""
    name = _months(speech.wording.locale)[month]
    said = speech.wording.date.format(day=_day(day, speech), month=name, year="").rstrip(", ")
    return f" {said.removesuffix(' de')} "


def _numeric(match: re.Match[str], speech: Speech) -> str:
    first, second = match[1], match[3]
    month_first = speech.wording.month_first
    if int(first if month_first else second) > 12:
        month_first = not month_first
    month, day = (first, second) if month_first else (second, first)
    return _date(match, speech, match[4], month, day)


def _date(match: re.Match[str], speech: Speech, year: str, month: str, day: str) -> str:
    """In words, or what was written where there is no such day."""
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= 31 or int(year) == 0:
        return match.group()
    if int(day) > calendar.monthrange(2000, int(month))[1]:
        return match.group()
    name = _months(speech.wording.locale)[int(month)]
    return f" {speech.wording.date.format(day=_day(int(day), speech), month=name, year=speech.year(year))} "


def _day(day: int, speech: Speech) -> str:
    if speech.wording.ordinal_days or (day == 1 and speech.wording.first_of_month):
        return speech.ordinal(day)
    return speech.cardinal(str(day))


def _named(text: str, speech: Speech) -> str:
    """A day beside a month's name, which English and some others say as an ordinal. The year stays for later."""
    names = "|".join(re.escape(name) for name in _months(speech.wording.locale).values())
    if speech.wording.ordinal_days:
        suffix = r"(?:st|nd|rd|th)?"
        names = f"{names}|{names.upper()}"
        after = re.compile(rf"\b({names})\s(\d{{1,2}}){suffix}(?![\w:%/])(?![.,-]\d)")
        before = re.compile(rf"(?<![\w.,:/-])((?:[Tt]he|THE)\s)?(\d{{1,2}}){suffix}\s(?:of\s|OF\s)?({names})\b")
        text = after.sub(lambda m: f"{m[1]} {speech.ordinal(int(m[2]))}" if 1 <= int(m[2]) <= 31 else m[0], text)
        return before.sub(
            lambda m: f"{m[1] or 'the '}{speech.ordinal(int(m[2]))} of {m[3]}" if 1 <= int(m[2]) <= 31 else m[0], text
        )
    if speech.wording.first_of_month:
        of = r"((?:\sde)?\s)"
        first = re.compile(rf"(?<![\w.,:/-])1{of}({names})\b", re.IGNORECASE)
        return first.sub(lambda m: f"{speech.ordinal(1)}{m[1]}{m[2]}", text)
    return text


def _time(match: re.Match[str], speech: Speech) -> str:
    said = _full_hour(match, speech) or _clock(int(match[1]), int(match[2]), speech, half=match[4])
    if match[3] and int(match[3]):
        said += f" {int(match[3])} s"  # the reader of units makes seconds of it
    return f" {said} "


def _full_hour(match: re.Match[str], speech: Speech) -> str:
    """Spanish "14:00" and "9:00 h" are "catorce horas" and "nueve horas", and in "10:00 a 14:00" the first has no word
    of its own. Nothing elsewhere."""
    hours, hour = speech.wording.clock_hours, int(match[1])
    if hours is None or match[2] != "00" or match[4] or match[3] not in (None, "00"):
        return ""
    said = speech.cardinal(str(hour), feminine=True)
    if _TO_ANOTHER.match(match.string, match.end()):
        return said
    if 1 <= hour <= 12 and not match.group().endswith(("h", "H")):
        return ""
    return f"{said} {hours[0 if hour == 1 else 1]}"


def _hour(match: re.Match[str], speech: Speech) -> str:
    return f" {_clock(int(match[1]), 0, speech, half=match[2])} "


def _clock(hour: int, minute: int, speech: Speech, half: str | None = None) -> str:
    """`half` is the first letter of "a.m." or "p.m."."""
    wording = speech.wording
    hours = speech.cardinal(str(hour), feminine=wording.feminine_hours and not (wording.rules == "it" and hour > 1))
    minutes = speech.cardinal(str(minute))
    form = wording.time
    if minute == 0:
        form = "{hour}" if half else wording.time_sharp
        if wording.hundred_hours and not half and not 1 <= hour <= 12:
            form = wording.hundred_hours
    elif minute < 10 and wording.single_digit_minutes:
        form = wording.single_digit_minutes
    said = form.format(hour=hours, minute=minutes)
    if wording.rules == "fr" and hour < 2:
        said = said.replace("heures", "heure")
    if half:
        said += f" {wording.morning if half.lower() == 'a' else wording.afternoon}"
    return said


@cache
def _months(locale: str) -> dict[int, str]:
    return dict(get_month_names("wide", locale=locale))
