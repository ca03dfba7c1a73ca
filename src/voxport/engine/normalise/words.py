"""Abbreviations in full, and Roman numerals where they are surely numbers: "Dr.", "etc.", "Henry VIII"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from voxport.engine.normalise.speech import Speech

_ROMAN: Final = r"(?=[IVX])(X{0,3})(IX|IV|V?I{0,3})"
_STREET: Final = re.compile(r"(?<=[a-z] )St(?:\.(?= [a-z]|[,;:)])|(?=[,;:.)]?\s*$)|(?=[,;:)]))")
"""Behind a name, and before no other one: "Main St., St. John"."""
_VALUES: Final = {"I": 1, "V": 5, "X": 10}
_AFTER_FIRST: Final = re.compile(r"\s*(?:[,.;:!?)]|$)| (?:of|de|di|was|and|is|y|et|e) ")
_END: Final = re.compile(r"[\"'”’»)]*\s*$")


def read(text: str, speech: Speech) -> str:
    wording = speech.wording
    if wording.before_numbers:
        text = _numbered(speech).sub(lambda m: f"{wording.before_numbers[m[1]]} ", text)
    if wording.rules == "en":
        text = _STREET.sub("Street", text)
    text = _abbreviations(speech).sub(lambda m: _in_full(m, {**wording.abbreviations, **wording.titles}), text)
    if not re.search(r"[IVX]", text):
        return text
    if wording.century:
        text = _century(speech).sub(lambda m: f"{speech.ordinal(_value(m[1]))}{m[4]}", text)
    text = re.sub(r"(?<=[a-zé] )I(?:er|ᵉʳ)\b", speech.ordinal(1), text) if wording.rules == "fr" else text
    return _romans().sub(lambda m: _roman(m, speech), text)


def _in_full(match: re.Match[str], words: Mapping[str, str]) -> str:
    """The words, and the dot where it ended the sentence too: "etc."."""
    end = "." if match[1].endswith(".") and _END.match(match.string, match.end()) else ""
    return words[match[1]] + end


def _roman(match: re.Match[str], speech: Speech) -> str:
    word, numeral, value = match[1], match[2], _value(match[2])
    wording = speech.wording
    if numeral == "I" and not _AFTER_FIRST.match(match.string, match.end()):
        return match.group()  # "Charles I think so"
    if word in wording.rulers:
        if value <= wording.ruler_ordinals:
            return f"{word} {wording.ruler_article}{speech.ordinal(value)}"
        return f"{word} {speech.cardinal(str(value))}"
    known = word.lower() in wording.numbered
    if known or (len(numeral) > 1 and word[0].isupper() and not word.isupper()):
        return f"{word} {speech.cardinal(str(value))}"
    return match.group()


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


@cache
def _abbreviations(speech: Speech) -> re.Pattern[str]:
    keys = sorted({*speech.wording.abbreviations, *speech.wording.titles}, key=len, reverse=True)
    return re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, keys))})(?!\w)")


@cache
def _numbered(speech: Speech) -> re.Pattern[str]:
    keys = sorted(speech.wording.before_numbers, key=len, reverse=True)
    return re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, keys))})\s?(?=\d)")


@cache
def _romans() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'’])([^\W\d_]{{2,20}}) ({_ROMAN})(?!\w|['’](?!s\b)|\.\w)")


@cache
def _century(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({_ROMAN})(?:e|ᵉ|ème|er|º|°|\^e)?(\s{speech.wording.century})\b")
