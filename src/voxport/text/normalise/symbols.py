"""Reads signs between words: converts those that are spoken to words and removes the others."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_KEPT_PUNCTUATION: Final = frozenset(";:,.!?…—–“”\"()[]«»„‚‘’'-।॥ ")
"""Punctuation that affects pauses or intonation, and characters that are part of words."""
_BETWEEN: Final = "+=×÷±"
"""Signs that are spoken only between two operands."""

_DOTS: Final = re.compile(r"((?<![\w.])(?:[^\W\d_]\.){1,7}[^\W\d_]?(?!\w))|(?<=\w)\.(?=\w)")
"""The dots of "U.S.A." stay; the dot of "node.js" is spoken."""


def read(text: str, numbers: NumberWords) -> str:
    symbol_words = numbers.locale_words.symbols
    text = (
        text.replace("C++", f"C {symbol_words['+']} {symbol_words['+']}")
        .replace("C#", "C sharp")
        .replace("F#", "F sharp")
    )
    text = re.sub(
        rf"(?<=[\w\u0900-\u0963)²³]) ?([{_BETWEEN}]) ?(?=[\w(+-])", lambda m: f" {symbol_words.get(m[1], '')} ", text
    )
    text = re.sub(r"²", f" {numbers.locale_words.squared} ", text)
    text = re.sub(r"³", f" {numbers.locale_words.cubed} ", text)
    text = re.sub(r"(?<= )[<>](?= )", lambda m: f" {symbol_words[m[0]]} ", text)
    text = re.sub(r"(?<!\w)[@#](?=\w)", lambda m: f" {symbol_words[m[0]]} ", text)
    text = re.sub(r"(?<=\w),(?=\w)", ", ", text)
    text = re.sub(r"(?<=[a-zà-ÿ]{2})\.(?=[A-ZÀ-Þ])", ". ", text)  # a sentence without its space
    text = _DOTS.sub(lambda m: m[1] or f" {numbers.locale_words.address_symbols['.']} ", text)
    text = re.sub(r"[&€$£¥₹°©§%@]", lambda m: f" {symbol_words.get(m[0], '')} ", text)
    text = re.sub(r"(?<= )[-–](?=\w)|(?<=\w)[-–](?= \w)|(?<=\w)–(?=\w)", " ", text)
    return "".join(map(_keep_or_space, text))


@cache
def _keep_or_space(character: str) -> str:
    """Return a letter, a combining mark, a digit or kept punctuation unchanged, and a space for anything else."""
    if character in _KEPT_PUNCTUATION or unicodedata.category(character)[0] in "LMN" or character == "\u200d":
        return character
    return " "
