"""Determines the alphabet of a letter, and whether a language is written in it."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

_LATIN: Final = ("LATIN", "FEMININE", "MASCULINE", "MICRO")
_ALPHABETS: Final = {
    "hi": ("DEVANAGARI",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    "zh": ("CJK",),
}
"""The alphabets of a language besides Latin: the first words of the letters' Unicode names."""


@cache
def is_letter(character: str) -> bool:
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo")


def is_native_letter(character: str, language: str) -> bool:
    """Returns True if `language` is written with the letter."""
    return alphabet(character) in (*_LATIN, *_ALPHABETS.get(language, ()))


@cache
def alphabet(character: str) -> str:
    """Returns the first word of the letter's Unicode name: LATIN, CYRILLIC, CJK, ARABIC, DEVANAGARI, …"""
    return unicodedata.name(character, "unknown").split()[0]
