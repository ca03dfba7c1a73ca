"""Converts numbers in Japanese and Chinese texts for misaki.

Japanese numbers become kanji by CLDR's rules: misaki fails on more than nine digits, and needs kanji to know how a
counter changes ("300円", "1人"). In Chinese, misaki reads most numbers itself; this module removes their grouping and
reads times, telephone numbers and long digit runs.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from unicode_rbnf import RbnfEngine

_MAX_DIGITS: Final = 16
"""Longest number that is read as one, in digits. From 10 digits without groups it is a telephone number or a code."""
_MIN_COPIED_DIGITS: Final = 10
_GROUPED: Final = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3}){1,5}(?![\d,])")
_NUMBER: Final = re.compile(r"(\d++)(?:\.(\d++))?+")
_PHONE: Final = re.compile(r"(?<![\d.-])0\d{0,4}(?:-\d{1,4}){1,3}(?![\d-])")
"""A telephone number starts with a zero."""
_DIGITS: Final = dict(zip("0123456789", ("ゼロ", "一", "二", "三", "四", "五", "六", "七", "八", "九"), strict=True))


_LONG: Final = re.compile(rf"(?<![\d.,])(?:\d{{{_MIN_COPIED_DIGITS},}}+|0\d++)(?![\d.])")
_TIME: Final = re.compile(r"(?<![\d:.-])([01]?\d|2[0-4])[:：]([0-5]\d)(?![\d:：])")
_DAY: Final = re.compile(r"(?<![\d.,-])0?(10|14|2[04]|[2-9])日(?!本)|(?<=月)0?(1)日")
"""Excludes "2日本". The 1st is "tsuitachi" only after a month."""
_DAYS: Final = {
    "1": "ついたち", "2": "ふつか", "3": "みっか", "4": "よっか", "5": "いつか", "6": "むいか", "7": "なのか",
    "8": "ようか", "9": "ここのか", "10": "とおか", "14": "じゅうよっか", "20": "はつか", "24": "にじゅうよっか",
}  # fmt: skip


def read(text: str, language: str) -> str:
    """Return `text` with its numbers prepared for misaki.

    Japanese: grouped numbers, decimals, percentages, times, days and telephone numbers in words, with no digit left.
    Chinese: plain digits without grouping, and long runs of digits in words.
    """
    text = "".join(map(_plain_digit, text))
    if not any(character.isdecimal() for character in text):
        return text
    text = _PHONE.sub(
        lambda match: "、".join(_digit_by_digit(part, language) for part in match.group().split("-")), text
    )
    if language != "ja":
        text = _TIME.sub(lambda match: f"{match[1]}点{int(match[2])}分" if int(match[2]) else f"{match[1]}点", text)
        text = _LONG.sub(lambda match: _digit_by_digit(match.group(), language), text)
        return _GROUPED.sub(lambda match: match.group().replace(",", ""), text)
    text = _DAY.sub(lambda match: _DAYS[match[1] or match[2]], text)
    text = _TIME.sub(lambda match: f"{match[1]}時{int(match[2])}分" if int(match[2]) else f"{match[1]}時", text)
    text = re.sub(r"(?<=\d) ?[%％]", "パーセント", text)
    text = _GROUPED.sub(lambda match: _cardinal(match.group().replace(",", "")), text)
    return _NUMBER.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    whole, fraction = match[1], match[2]
    is_copied = len(whole) >= _MIN_COPIED_DIGITS or (whole[0] == "0" and len(whole) > 1)
    spoken = _digit_by_digit(whole) if is_copied else _cardinal(whole)
    return f"{spoken}点{_digit_by_digit(fraction)}" if fraction else spoken


def _cardinal(digits: str) -> str:
    if len(digits) > _MAX_DIGITS:
        return _digit_by_digit(digits)
    if not int(digits):
        return _DIGITS["0"]
    return _rules().format_number(int(digits), ruleset_names=["spellout-cardinal"]).text


def _digit_by_digit(digits: str, language: str = "ja") -> str:
    return "".join("零" if digit == "0" and language == "zh" else _DIGITS[digit] for digit in digits)


def _plain_digit(character: str) -> str:
    """Convert digits of every script, also circled and superscript ones, to 0-9."""
    if character.isascii() or not character.isnumeric():
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    compatible = unicodedata.normalize("NFKC", character)
    return compatible.replace("⁄", "/") if any(one.isdecimal() for one in compatible) else character


@cache
def _rules() -> RbnfEngine:
    return RbnfEngine.for_language("ja")
