"""Converts national notations of times ("14h30", "ore 14.30", "9.30am", "9-17h") to "14:30" for the reader of dates."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_HOUR: Final = r"(?:[01]?\d|2[0-4])"
_WITH_H: Final = re.compile(rf"(?<![\w:.,])({_HOUR}) ?[hH] ?([0-5]\d)(?: ?(?:m|min|mn|MIN|MN))?(?!\w)")
_CAPITAL_H: Final = re.compile(rf"(?<![\w:.,])({_HOUR}) ?H(?![\w/])")
_POINT_WITH_AM_PM: Final = re.compile(r"(?<![\w:.,])(1[0-2]|0?\d)\.([0-5]\d) ?(?=[ap](?:m\b|\. ?m\b))", re.IGNORECASE)
_POINT: Final = re.compile(
    rf"\b((?:ore|alle|dalle|delle|h\.?|a las|son las|de las|às|das|as) )({_HOUR})\.([0-5]\d)(?![\w%])(?![.,]\d)"
    r"(?! ?(?:€|euro|kg|km|m|%|percent|per cento|por ciento|por cento))",
    re.IGNORECASE,
)
_POINT_CONTINUED: Final = re.compile(
    rf"((?:ore|alle|dalle) {_HOUR}:[0-5]\d(?: ?[-–] ?| (?:alle|e|a|o) ))({_HOUR})\.([0-5]\d)(?!\d)"
)
_POINT_UK: Final = re.compile(
    r"\b((?:at|from|until|till|by|before|after) )(1[0-2]|0?[1-9])\.([0-5]0|[0-5]5)"
    r"(?= (?:on|this|in the|tomorrow|sharp)\b)"
)
_RANGE: Final = re.compile(rf"(?<![\w:.,/-])({_HOUR})(?: ?h)? ?[-–] ?({_HOUR}) ?h(?!\w)(?! ?\d)")


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _POINT_WITH_AM_PM.sub(r"\1:\2 ", text)
    text = _POINT.sub(r"\1\2:\3", text)
    text = _POINT_CONTINUED.sub(r"\1\2:\3", text)
    if numbers.locale_words.base_language == "en":
        text = _POINT_UK.sub(r"\1\2:\3", text)
    if numbers.locale_words.base_language in ("fr", "pt", "es"):
        text = _CAPITAL_H.sub(r"\1 h", text)
    text = _RANGE.sub(rf"\1 {numbers.locale_words.range_to} \2 h", text)
    return _WITH_H.sub(lambda match: _with_h(match, numbers), text)


def _with_h(match: re.Match[str], numbers: NumberWords) -> str:
    """Return hour and minute. Portuguese says the words for hours and minutes if the time is written with "h"."""
    hour, minute = str(int(match[1])), str(int(match[2]))
    if numbers.locale_words.base_language != "pt":
        return f"{match[1]}:{match[2]}"
    if minute == "0":
        return f"{hour} h"
    hours = "hora" if hour in ("0", "1") else "horas"
    spoken = numbers.cardinal(hour, feminine=True)
    return f" {spoken} {hours} e {numbers.cardinal(minute)} {'minuto' if minute == '1' else 'minutos'} "
