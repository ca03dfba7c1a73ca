"""Reads ordinals in Romance languages and Hindi, but not degrees: "3er piso", "1° de enero", "N° 5", "4tos", "2वां"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel.dates import get_month_names

from voxport.text.normalise.locales import degrees
from voxport.text.normalise.locales.signs import SIGN_WORDS
from voxport.text.normalise.number_words import NumberWords

_NUMBER_SIGN: Final = re.compile(r"(?<!\w)[Nn][.]? ?[°º]\.? ?(?=\d)|№ ?(?=\d)")
_DEGREE: Final = re.compile(r"(?<![\w.,°'′-])(\d{1,3})°(?! ?[CFKNSEWO]\b)(?!\d)(?= ([^\W\d_]{2,30})| *[.,;:!?)]| *$)")
_LAST_WORD: Final = re.compile(r"(\w+) $")
_LIMIT: Final = re.compile(r"[-−+~<>≥≤] ?$")
_SPANISH: Final = re.compile(
    r"(?<![\w.,])(\d{1,3})\.?(er|ero|ro|era|ra|do|da|to|ta|mo|ma|vo|va|no|na)(s?)(?:\.(?= [a-záéíóúñ]))?(?!\w)"
)
_SIGN: Final = re.compile(r"(?<![\w.,])(\d{1,3})\.?([ºª])(?!\w)(?= ?([^\W\d_]{2,30})?)")
_ASCII: Final = re.compile(r"(?<![\w.,])([1-9]|[1-9]\d)([oa])(s?)(?= ([^\W\d_]{3,30}|de [a-z]))")
_HINDI: Final = re.compile(
    r"(?<![\w.,])(1|2|3|4|6)(ला|ली|ले|रा|री|रे|था|थी|थे|ठा|ठी|ठे|वां|वाँ|वीं|वें|वा|वी|वे)(?![\w\u0900-\u097f])"
)
_HINDI_STEMS: Final = {"1": "पहल", "2": "दूसर", "3": "तीसर", "4": "चौथ", "6": "छठ"}


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    base_language = numbers.locale_words.base_language
    text = re.sub(r"(?<=\d) ?° ?(?=[CF]\b)", " °", text)
    text = _NUMBER_SIGN.sub(f"{SIGN_WORDS[base_language].number_sign} ", text)
    if base_language == "hi":
        return _HINDI.sub(_hindi_ordinal, text)
    if base_language == "en":
        return text
    text = _DEGREE.sub(lambda match: _degree(match, numbers), text)
    if base_language == "fr":
        return text
    if base_language == "es":
        text = _SPANISH.sub(lambda match: _spanish_ordinal(match, numbers), text)
    text = _SIGN.sub(lambda match: _sign_ordinal(match, numbers), text)
    if base_language in ("es", "pt"):
        text = _ASCII.sub(lambda match: _ascii_ordinal(match, numbers), text)
    return text


def _degree(match: re.Match[str], numbers: NumberWords) -> str:
    """Read an ordinal before a noun, before "of" and a month, or after an article. Other degrees stay unchanged."""
    before = match.string[max(0, match.start() - 16) : match.start()]
    after, noun, value = match.string[match.end() : match.end() + 40], (match[2] or "").lower(), int(match[1])
    last = _LAST_WORD.search(before)
    word = last[1].lower() if last else ""
    of_month = value == 1 and _of_month(numbers).match(after) is not None
    is_noun = bool(noun) and noun not in degrees.BEHIND_DEGREES and not noun.endswith("mente")
    behind_article = word in degrees.BEFORE_ORDINALS and (not noun or noun in degrees.BEHIND_ORDINALS)
    in_degrees = word in degrees.BEFORE_DEGREES or _LIMIT.search(before) or not (is_noun or behind_article)
    if value == 0 or (in_degrees and not of_month):
        return match.group()
    locale_words = numbers.locale_words
    if is_noun and noun.endswith(locale_words.feminine_endings or ("\0",)) and noun not in locale_words.masculine_words:
        return f" {numbers.ordinal(value, feminine=True)}"
    return f" {_apocopate(value, numbers, is_noun)}"


def _apocopate(value: int, numbers: NumberWords, before_noun: bool) -> str:
    """Return the ordinal. Spanish shortens it before a masculine noun: "primer", "tercer", "vigésimo primer"."""
    spoken = numbers.ordinal(value)
    if numbers.locale_words.base_language == "es" and before_noun and spoken.endswith(("primero", "tercero")):
        return spoken[:-1]
    return spoken


def _spanish_ordinal(match: re.Match[str], numbers: NumberWords) -> str:
    value, ending = int(match[1]), match[2]
    if value == 0:
        return match.group()
    spoken = numbers.ordinal(value, feminine=ending.endswith("a"))
    following = re.match(r" ([^\W\d_]{2,30})", match.string[match.end() : match.end() + 40])
    is_noun = following is not None and following[1].lower() not in degrees.FUNCTION_WORDS
    if ending == "er" or (not match[3] and not ending.endswith("a") and is_noun):
        spoken = _apocopate(value, numbers, True)
    return f" {spoken}{match[3]} "


def _sign_ordinal(match: re.Match[str], numbers: NumberWords) -> str:
    if int(match[1]) == 0:
        return match.group()
    if match[2] == "ª":
        return f" {numbers.ordinal(int(match[1]), feminine=True)} "
    is_noun = match[3] is not None and match[3].lower() not in degrees.FUNCTION_WORDS
    return f" {_apocopate(int(match[1]), numbers, is_noun)} "


def _ascii_ordinal(match: re.Match[str], numbers: NumberWords) -> str:
    value, noun = int(match[1]), match[4].split()[0].lower()
    if match[2] == "o":
        spoken = _apocopate(value, numbers, noun not in degrees.FUNCTION_WORDS)
    else:
        spoken = numbers.ordinal(value, feminine=True)
    return f" {spoken}{match[3]} "


def _hindi_ordinal(match: re.Match[str]) -> str:
    ending = {"ा": "ा", "ी": "ी", "े": "े"}[next(sign for sign in match[2] if sign in "ाीे")]
    return f" {_HINDI_STEMS[match[1]]}{ending} "


@cache
def _of_month(numbers: NumberWords) -> re.Pattern[str]:
    months = "|".join(map(re.escape, dict(get_month_names("wide", locale=numbers.locale_words.locale)).values()))
    return re.compile(rf" (?:de |di )?(?:{months})\b", re.IGNORECASE)
