"""Reads a day and month without a year ("le 11/09") if an adjacent word shows that it is not a fraction."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.dates import day_and_month
from voxport.text.normalise.number_words import NumberWords

_SURE_CUES: Final = {
    "en": r"due|dated|date:|mon(?:day)?|tues?(?:day)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?|"
    r"sun(?:day)?",
    "es": r"d[íi]as?|fechas?:?|desde el|hasta el|antes del|lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bado|domingo",
    "fr": r"dates?:?|date du|jusqu['’]au|dès le|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    "it": r"giorn[oi]|data:?|luned[ìi]|marted[ìi]|mercoled[ìi]|gioved[ìi]|venerd[ìi]|sabato|domenica",
    "pt": r"dias?|data:?|segunda|ter[çc]a|quarta|quinta|sexta|s[áa]bado|domingo",
    "hi": r"दिनांक|तारीख|तिथि|तारीख़",
}
"""Words after which it is always a date."""
_LIKELY_CUES: Final = {
    "en": r"on|by|until|till|since|before|after",
    "es": r"el|del|al|y el|o el",
    "fr": r"le|du|au",
    "it": r"il|l['’]|dal|dall['’]|al|all['’]|del|dell['’]|entro il",
    "pt": r"em|de|a|at[ée]|do|ao|no|o|desde",
    "hi": r"(?!)",
}
"""Words after which a common fraction such as "3/4" is also possible."""
_NOT_OF_A_THING: Final = (
    r"(?! ?[%°])(?! (?:of|de|du|des|di|del|dell|della|da|do|das|dos|d|el|inch|cup|cups|lb|oz|kg)\b)"
)
_COMMON_FRACTIONS: Final = {(1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (1, 8), (3, 8), (5, 8), (7, 8), (1, 10)}
_ALONE: Final = re.compile(
    r"\s*(?:[.,;:!?)]|$)| (?:at|a las|à|alle|às|as|al?|au|y|et|e|ou|o|and|to|until|for|we|i|he|she|they)\b"
    r"| (?:es|era|fue|será|cae|è|era|sarà|cade|est|était|sera|é|foi|será|cai|is|was|will) ",
    re.IGNORECASE,
)
"""What follows a date that could also be a fraction."""


def read(text: str, numbers: NumberWords) -> str:
    if "/" not in text:
        return text
    if numbers.locale_words.base_language == "hi":
        text = re.sub(
            r"(?<![\w.,/-])(\d{1,2})/(\d{1,2})(?= को(?![\u0900-\u097f]))",
            lambda m: _date_words(m, m[1], m[2], numbers),
            text,
        )
    return _cued_date(numbers).sub(lambda match: _date(match, numbers), text)


def _date(match: re.Match[str], numbers: NumberWords) -> str:
    if numbers.locale_words.base_language == "en" and (match["first"], match["second"]) == ("9", "11"):
        return match.group()  # "after 9/11"
    is_common_fraction = (int(match["first"]), int(match["second"])) in _COMMON_FRACTIONS and "0" not in (
        match["first"][0],
        match["second"][0],
    )
    if is_common_fraction and not match["always"] and not _ALONE.match(match.string, match.end()):
        return match.group()
    cue = match["always"] or match["often"]
    spoken = _date_words(match, match["first"], match["second"], numbers)
    return match.group() if spoken == match.group() else f"{cue}{match['space']}{spoken}"


def _date_words(match: re.Match[str], first: str, second: str, numbers: NumberWords) -> str:
    month_first = numbers.locale_words.month_first
    if int(first if month_first else second) > 12:
        month_first = not month_first
    day, month = (int(second), int(first)) if month_first else (int(first), int(second))
    return day_and_month(day, month, numbers) or match.group()


@cache
def _cued_date(numbers: NumberWords) -> re.Pattern[str]:
    base_language = numbers.locale_words.base_language
    return re.compile(
        rf"(?<![\w'’])(?:(?P<always>{_SURE_CUES[base_language]})|"
        rf"(?P<often>{_LIKELY_CUES[base_language]}))(?P<space>[.,]? |(?<=['’]))"
        rf"(?P<first>\d{{1,2}})(?:er|º|°)?/(?P<second>\d{{1,2}})(?![\w/-])(?![.,]\d){_NOT_OF_A_THING}",
        re.IGNORECASE,
    )
