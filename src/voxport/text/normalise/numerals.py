"""Plain numbers: ranges, fractions, versions, ordinals, decades, years, and all digits left."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.amounts import UNITS, unit_name
from voxport.text.normalise.calendar_names import calendar_names
from voxport.text.normalise.number_words import ELIDED, Speech

_AMOUNT: Final = r"\d++(?:[.,٬]\d++)*+"
_ENDPOINT: Final = r"\d++(?:[.,٬]\d++)*+(?:[kKMB](?!\w)| ?[%°])?+"
_RANGE: Final = re.compile(
    rf"(?<![\w.,/:-])((?:[$£€¥₹] ?)?{_ENDPOINT})(?:-| ?– ?|—)(?=[$£€¥₹]?{_ENDPOINT}(?! ?[-–—] ?\d))"
)
"""Two numbers, no more: 3-2-1 is none, and a hyphen between spaces is a dash or a minus."""
_PRICES: Final = re.compile(
    rf"(?<![\w.,/:-])((?:R|US|A|C)?[$£€¥₹]) ?({_AMOUNT})(?:-| ?– ?|—)(?={_AMOUNT}(?!\w| ?[-–—] ?\d))"
)
"""Two amounts with one sign: "$3–5 million" is "three to five million dollars"."""
_NUMBERED_VERSION: Final = re.compile(
    r"(?<!\w)((?:versi[oó]ne?|version|vers[ãa]o|release|firmware|build|python|ios|ipados|macos|android|kernel|v)\.? ?)"
    r"(\d{1,4})\.([1-9]\d{1,3})(?![\w%])(?![.,]\d)",
    re.IGNORECASE,
)
"""The parts of a version are numbers of their own: 2.10 comes after 2.9."""
_VERSION: Final = re.compile(r"(?<![\d.,])(?:(?<=\b[vV])|(?<![^\W_]))(\d{1,6}(?:\.\d{1,6}){2,8})(?![\w])(?!\.\d)")
_FRACTION: Final = re.compile(r"(?<![\w.,/-])(?:(\d{1,4}) )?(\d{1,4})/(\d{1,4})(?![\w/-])(?![.,]\d)")
_NOUN: Final = re.compile(r" (?!d[aeio]\b|d['’]|[eoyàa] )[^\W\d_]")
_SHORT_NOUN: Final = re.compile(r"\s(?:año|día|mes|vez|pie|ley|luz|rey|par|gol|bar|ojo|ala|voz|gas|kit|re|bit|web)\b")
"""Words of three letters that are counted; most of that length are none."""
_AFTER_ARTICLE: Final = re.compile(r"(?<!\w)(?:le|du|au|el|del|al|il|dal|nel|o|do|ao|no) $", re.IGNORECASE)
_DECADE: Final = re.compile(r"(?<![\w.,])['’]?((?:1[1-9]|20)?\d)0['’]?s\b")
_DECADES: Final = re.compile(r"(?<=\d0s) ?[-–] ?(?=['’]?(?:1[1-9]|20)?\d0s\b)")
_YEAR: Final = re.compile(r"(?<![\w.,+-])(1[1-9]\d\d|20\d\d)(?![\w%])(?![.,]\d)")
_EARLY_YEAR: Final = re.compile(
    r"(?:(?<=\b[Ii]n )|(?<=\bof )|(?<=\b[Ss]ince )|(?<=[a-z], ))(10[1-9]\d)(?=\s*(?:[.,;:!?)]|$))(?![.,]\d)"
)
"""Before 1100 only where nothing is counted: "in 1066."."""
_NEGATIVE: Final = re.compile(r"(?:(?<=\s)|(?<=\()|^)[-−](?=\d)")
_LONG_RUN: Final = 10
"""Digits from which an unbroken run is no amount but a number to dial or to copy."""


def read_shapes(text: str, speech: Speech) -> str:
    """Numbers that are known by their shape, before amounts are looked for. Of a range only the dash is read, "3-5"
    as "3 to 5": its numbers stay for the readers after this one."""
    if not any(character.isdecimal() for character in text):
        return text
    text = _VERSION.sub(lambda match: _version(match[1], speech), text)
    text = _NUMBERED_VERSION.sub(lambda match: f"{match[1]}{_version(f'{match[2]}.{match[3]}', speech)}", text)
    text = _PRICES.sub(rf"\2 {speech.wording.to} \1", text)
    halves = speech.wording.half_of
    if halves is not None:
        text = _half_units().sub(lambda match: _half_unit(match, halves, speech), text)
    text = _FRACTION.sub(lambda match: _fraction(match, speech), text)
    if speech.wording.locale.startswith("en"):
        text = _DECADES.sub(f" {speech.wording.to} ", text)
        text = _DECADE.sub(lambda match: _decade(match, speech), text)
    return _RANGE.sub(rf"\1 {speech.wording.to} ", text)


def read(text: str, speech: Speech) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    if speech.wording.ordinal_suffixes:
        text = _ordinals(speech).sub(lambda match: _ordinal(match, speech), text)
    text = _NEGATIVE.sub(f"{speech.wording.minus} ", text)
    if speech.wording.rules == "en":
        text = _EARLY_YEAR.sub(lambda match: f" {speech.year(match[1])} ", text)
    text = _YEAR.sub(lambda match: f" {speech.year(match[1])} ", text)
    text = _numbers(speech).sub(lambda match: _number(match, speech), text).replace(f"{ELIDED} ", "")
    return re.sub(r"\d++", lambda match: f" {speech.cardinal(match.group())} ", text)


def _version(written: str, speech: Speech) -> str:
    english = speech.wording.locale.startswith("en")
    address = written.count(".") == 3
    dot = f" {speech.wording.point if english and not address else speech.wording.web['.']} "
    return f" {dot.join(speech.cardinal(part) for part in written.split('.'))} "


def _fraction(match: re.Match[str], speech: Speech) -> str:
    whole, above, below = match[1], int(match[2]), int(match[3])
    wording = speech.wording
    part = _part(above, below, speech)
    joint, *half = wording.and_a_half.split()
    before = match.string[max(0, match.start() - 6) : match.start()]
    if (above, below, whole) == (1, 2, None) and re.search(rf"[^\W\d_] {joint} $", before) and wording.half_of:
        return f" {half[-1]} "  # "1 kg e 1/2"
    is_one_part = above == 1 and below > 2 and below in wording.halves and whole is None
    if is_one_part and wording.rules != "en" and _AFTER_ARTICLE.search(before):
        return f" {wording.halves[below][0]} "  # "le tiers"
    following = match.string[match.end() : match.end() + 40]
    if (above, below, whole) == (1, 2, None) and wording.half_of and _NOUN.match(following):
        return f" {wording.half_of[speech.is_feminine(following)]} "
    if whole:
        joined = f" {wording.and_a_half} " if (above, below) == (1, 2) else f" {wording.web['&']} {part} "
        return f" {speech.cardinal(whole)}{joined}"
    return f" {part} "


def _part(above: int, below: int, speech: Speech) -> str:
    wording = speech.wording
    if (above, below) == (1, 2):
        return wording.one_half
    said = speech.cardinal(str(above), counting=True)
    if below in wording.halves:
        return f"{said} {wording.halves[below][0 if above == 1 else 1]}"
    if wording.locale.startswith("en") and 4 < below <= 20 and above < below:
        return f"{said} {speech.ordinal(below)}{'' if above == 1 else 's'}"
    return f"{said} {wording.over} {speech.cardinal(str(below))}"


def _half_unit(match: re.Match[str], halves: tuple[str, str], speech: Speech) -> str:
    key = UNITS[match["unit"]]
    return f" {halves[key in speech.wording.feminine_units]} {unit_name(key, 1, speech)} "


def _decade(match: re.Match[str], speech: Speech) -> str:
    """ "1990s" is "nineteen nineties"; "2000s" is "two thousands"."""
    digits = match[1] + "0"
    words = speech.year(digits) if len(digits) == 4 else speech.cardinal(digits)
    return f" {words[:-1]}ies " if words.endswith("y") else f" {words}s "


def _ordinal(match: re.Match[str], speech: Speech) -> str:
    if speech.wording.rules == "hi":
        return f" {speech.cardinal(match[1])}{match[2]} "  # "5वीं" keeps its ending, which says gender and case
    said = speech.ordinal(
        int(re.sub(r"\D", "", match[1])), feminine=match[2].lower() in speech.wording.feminine_suffixes
    )
    several = "s" if speech.wording.rules == "fr" and match[2][-1] in "sS" else ""
    return f" {said}{several} "


def _number(match: re.Match[str], speech: Speech) -> str:
    written, following = match.group(), match.string[match.end() : match.end() + 40]
    if len(written) >= _LONG_RUN and written.isdecimal():
        return f" {speech.one_by_one(written)} "
    noun = re.match(r"\s[^\W\d_]{2}", following) is not None and (
        not re.match(r"\s\w{1,3}\b", following) or _SHORT_NOUN.match(following) is not None
    )
    noun = noun and following.split()[0].rstrip(".,;:!?)").lower() not in calendar_names(speech.wording.locale)
    said = speech.say(written, feminine=speech.is_feminine(following), counting=noun)
    return f" {said}{speech.of_millions(written, following) if noun else ' '}"


@cache
def _half_units() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True) if unit != "°")
    return re.compile(rf"(?<![\w.,/-])(?<!\d )1/2 ?(?P<unit>{units})(?![\w/²³'’])")


@cache
def _numbers(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d)(?<!\d[.,]){speech.number}")


@cache
def _ordinals(speech: Speech) -> re.Pattern[str]:
    groups = r"\." if speech.wording.decimal_comma else ","
    number = rf"\d{{1,3}}(?:{groups}\d{{3}}){{1,3}}|\d{{1,6}}"
    return re.compile(rf"(?<![\w.,])({number})({speech.wording.ordinal_suffixes})(?!\w)", re.IGNORECASE)
