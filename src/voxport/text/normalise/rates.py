"""Reads rates and compound measures: "$5/month", "5 €/kg", "2 MB/s", "100 Mbps", "2 1/2 lbs", 5' 11"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.amounts import UNITS, unit_name
from voxport.text.normalise.locales import rates as rate_words
from voxport.text.normalise.number_words import NumberWords

_FEET: Final = re.compile(r"(?<![\w.,'’′])(\d{1,2}) ?['’′] ?(\d{1,2}(?: 1/2)?) ?(?:\"|”|″|''|’’|′′)")
_FEET_IN: Final = re.compile(r"(?<![\w.,])(\d{1,2}) ?ft\.? (\d{1,2}(?: 1/2)?) ?in(?:\.(?= [a-z]))?(?!\w)")
_BITS: Final = re.compile(r"(?<=\d) ?([kKMGT]?)(?:bps|b/s|bit/s)(?![\w/])")
_BIT_NAMES: Final = {"": "bit", "k": "kilobit", "K": "kilobit", "M": "megabit", "G": "gigabit", "T": "terabit"}
_PREFIXES: Final = {"k": "किलो", "K": "किलो", "M": "मेगा", "G": "गीगा", "T": "टेरा", "": ""}


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _FEET_IN.sub(lambda match: _feet(match, numbers), text)
    text = _FEET.sub(lambda match: _feet(match, numbers), text)
    text = _BITS.sub(lambda match: f" {_bits(match[1], numbers)} ", text)
    text = _fraction_units().sub(lambda match: f"{match[1]} {_fraction_unit(match, numbers)} ", text)
    return _rates(numbers).sub(lambda match: f" {_per(match['unit'], numbers)} ", text)


def _feet(match: re.Match[str], numbers: NumberWords) -> str:
    feet, inches = rate_words.FEET_AND_INCHES[numbers.locale_words.base_language]
    return f" {match[1]} {feet[match[1] != '1']} {match[2]} {inches[match[2] != '1']} "


def _bits(prefix: str, numbers: NumberWords) -> str:
    base_language = numbers.locale_words.base_language
    if base_language == "hi":
        return f"{_PREFIXES[prefix]}बिट प्रति सेकंड"
    name = _BIT_NAMES[prefix].replace("mega", "méga") if base_language == "fr" else _BIT_NAMES[prefix]
    return f"{name}{'' if base_language == 'it' else 's'} {_per('s', numbers)}"


def _fraction_unit(match: re.Match[str], numbers: NumberWords) -> str:
    return unit_name(UNITS[match["unit"]], 2 if " " in match[1] else 1, numbers)


def _per(unit: str, numbers: NumberWords) -> str:
    base_language = numbers.locale_words.base_language
    known = rate_words.BY_WORD[base_language].get(unit)
    if known is not None:
        return known
    name = unit_name(UNITS[unit], 1, numbers) if unit in UNITS else unit
    return f"{rate_words.PER[base_language]} {name}"


@cache
def _fraction_units() -> re.Pattern[str]:
    """Match a unit after a fraction, before the fraction is converted to words."""
    units = "|".join(
        re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True) if unit not in ("m", "s", "h", "°")
    )
    return re.compile(rf"(?<![\w.,/-])((?:\d{{1,4}} )?\d{{1,3}}/\d{{1,3}}) ?(?P<unit>{units})(?![\w/²³'’])")


@cache
def _rates(numbers: NumberWords) -> re.Pattern[str]:
    base_language = numbers.locale_words.base_language
    behind = sorted(
        [*rate_words.BY_WORD[base_language], *rate_words.WORDS[base_language].split("|"), *UNITS], key=len, reverse=True
    )
    units = "|".join(re.escape(unit) for unit in behind)
    return re.compile(
        rf"(?:(?<=\d)|(?<=\d[kKMB])|(?<=[$€£¥₹%])|(?<=\d [$€£¥₹])|(?<=\d [kMGT]B)|(?<=\d[kMGT]B)|(?<=\b[A-Z]{{3}})"
        rf"|(?<=\d [gLlVW])|(?<=\d [mk][gLl])|(?<=\d[mk][gLl])|(?<=[a-z]{{2}}s))"
        rf" ?/ ?(?P<unit>{units})(?![\w\u0900-\u097f/²³])"
    )
