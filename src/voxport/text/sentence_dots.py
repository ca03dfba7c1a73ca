"""Decides which dots belong to an abbreviation, and which of these also end the sentence."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.abbreviation_forms import (
    BEFORE_NAMES,
    STREETS,
    abbreviations_of,
    lacks_vowels,
    looks_abbreviated,
)
from voxport.text.normalise.calendar_names import calendar_names
from voxport.text.normalise.function_words import SENTENCE_OPENERS
from voxport.text.normalise.locales import LOCALE_WORDS
from voxport.text.normalise.time_zones import ZONES

_LAST_WORD: Final = re.compile(r"[\w\u0900-\u0963\u0970-\u097f\u200c\u200d./&-]+\.$")
"""`\\w` does not match the vowel signs and the virama of Devanagari."""
_NEXT_WORD: Final = re.compile(r"\s*([^\W\d_][\w\u0900-\u097f'’]*)?(\S)?")
_LIST_ITEM: Final = re.compile(r"\(?(?:\d{1,3}(?:\.\d{1,3}){0,4}|[IVXivx]{2,5})\.(?=\s+\S)")
"""The number of a list item."""
_NUMBER: Final = re.compile(r"\s*[(+]?(?:[A-Z]?\d|[IVXLC]+(?!\w)|[B-DF-HJ-NP-XZ](?![\w.'’]))")
_COUNTED: Final = re.compile(r"\d [^\W\d_]{1,4}\.$")
"""An abbreviated unit: "3 in. wide"."""
_ORDINAL: Final = re.compile(r"(?<!\w)\d{1,4}(?:er|ra|ro|do|da|to|ta|mo|ma|vo|va|no|na|st|nd|rd|th|ème)s?\.$")
"""An ordinal whose dot stands before a lower-case letter: Spanish "3er. piso"."""
_ZONE: Final = re.compile(rf"(?:{ZONES})$")
_HALF_DAY: Final = re.compile(r"[ap]\.?\s?m\.$", re.IGNORECASE)
_STREET_NAME: Final = re.compile(r"([A-Z][\w'’.-]*|\d+(?:st|nd|rd|th)) \S+$")


def ends_sentence(text: str, match: re.Match[str], language: str) -> bool:
    """Returns True if the mark that `match` found in `text` (one line) ends the sentence. A dot of an abbreviation or
    an initial does not, unless it can stand last and a new sentence follows: "and so on, etc. Then".
    """
    mark, end = match.group(), match.end()
    following = _NEXT_WORD.match(text, end)
    word_after = (following and following[1]) or ""
    after = word_after[:1] or (following and following[2]) or ""
    if mark != ".":
        return not (mark[0] == "." and mark[1:2] not in (".", "") and after.islower())
    if match.start() < 24 and _LIST_ITEM.match(text) and _LIST_ITEM.match(text).end() == end:  # type: ignore[union-attr]
        return False
    last = _LAST_WORD.search(text, max(0, match.start() - 40), end)
    if last is None:
        return True
    if language not in LOCALE_WORDS:
        return not has_own_dot(last.group()[:-1])
    if after.islower() and _ORDINAL.search(text, max(0, match.start() - 12), end):
        return False
    if _ZONE.match(word_after) and _HALF_DAY.search(text, max(0, match.start() - 6), end):
        return False
    abbreviations = abbreviations_of(language)
    word = next(
        (key for key in _two_word_abbreviations(language) if text.endswith(key, 0, end)), last.group().lstrip(".-/&")
    )
    starts_sentence = _starts_sentence(text, following, language) if following else False
    if word in STREETS and language.startswith("en") and _STREET_NAME.search(text, max(0, match.start() - 40), end - 1):
        return starts_sentence or not after
    if word in abbreviations.titles or any(key.startswith(f"{word} ") for key in _two_word_abbreviations(language)):
        return False
    if word in abbreviations.before_numbers and _NUMBER.match(text, end):
        return False
    if word in abbreviations.anywhere or word in abbreviations.before_numbers or word in abbreviations.calendar:
        if after.islower():
            return word in abbreviations.words and word_after != "of"
        if LOCALE_WORDS[language].base_language == "hi":  # Hindi has no capitals and ends sentences with a danda
            return not after
        if f"{word_after}." in abbreviations.anywhere and text.startswith(".", following.end(1) if following else end):
            return False  # "Smith Bros. Co. Inc."
        if word in BEFORE_NAMES and after.isupper():
            return starts_sentence
        return not (after.isdecimal() or after in tuple("(,;:-–—") or _is_calendar_name(word_after, language))
    if has_own_dot(word[:-1]):
        return starts_sentence
    if after.islower() and _COUNTED.search(text, max(0, match.start() - 20), end):
        return False
    if len(word) == 2 and word.islower() and after.isdecimal():
        return False
    if after.isupper() and not starts_sentence and last.start() and lacks_vowels(word[:-1], language):
        return False
    if after.islower() or after.isdecimal():
        return not looks_abbreviated(word[:-1], language)
    return True


def has_own_dot(word: str) -> bool:
    """Returns True if a dot after `word` belongs to it: "U.S.A", or an initial, "J"."""
    return "." in word.strip(".") or (len(word) == 1 and word.isupper())


def _starts_sentence(text: str, following: re.Match[str], language: str) -> bool:
    """Returns True if the following word starts a sentence: it is capitalised and not a name."""
    word = following[1] or ""
    if not word[:1].isupper() or text[following.end(1) : following.end(1) + 1] == ".":
        return False
    return word.lower() in SENTENCE_OPENERS[LOCALE_WORDS[language].base_language]


def _is_calendar_name(word: str, language: str) -> bool:
    return bool(word) and word.lower() in calendar_names(LOCALE_WORDS[language].locale)


@cache
def _two_word_abbreviations(language: str) -> tuple[str, ...]:
    """Returns the abbreviations of two words, such as "p. ej."."""
    abbreviations = abbreviations_of(language)
    keys = {*abbreviations.titles, *abbreviations.anywhere, *abbreviations.before_numbers}
    return tuple(sorted((key for key in keys if " " in key), key=len, reverse=True))
