"""Handles words in alphabets that the language is not written in. espeak-ng phonemises them in a language of their
alphabet if Kokoro has symbols for its sounds; other words are not spoken, and are reported."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.alphabets import alphabet, is_letter, is_native_letter
from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.phonemizer import Phonemizer
from voxport.text.vowelless_sounds import SYMBOLS_END, SYMBOLS_START

_ESPEAK_LANGUAGES: Final = {"CYRILLIC": "ru", "GREEK": "el", "DEVANAGARI": "hi", "HANGUL": "ko", "GEORGIAN": "ka"}
"""The espeak-ng language used for each alphabet."""
_LETTER_RANGES: Final = {
    "CYRILLIC": "\u0400-\u052f",
    "GREEK": "\u0370-\u03ff\u1f00-\u1fff",
    "DEVANAGARI": "\u0900-\u0963\u0970-\u097f",
    "HANGUL": "\uac00-\ud7a3",
    "GEORGIAN": "\u10a0-\u10ff",
}
_WORD: Final = re.compile(r"[^\W\d_][\w\u0900-\u097f'’-]*")


def with_foreign_words(texts: list[str], language: str, phonemizer: Phonemizer) -> list[str]:
    """Replaces words in other alphabets with symbols between SYMBOLS_START and SYMBOLS_END. Keeps single Greek
    letters, which are read by their names."""
    if language in MISAKI_LANGUAGES:
        return texts
    for name, reader in _ESPEAK_LANGUAGES.items():
        if name == "DEVANAGARI" and language == "hi":
            continue
        found = [match.group() for text in texts for match in _words_pattern(name).finditer(text)]
        if found:
            symbols = iter(phonemizer.symbols(found, reader))
            words = _words_pattern(name)
            texts = [words.sub(lambda _, it=symbols: f"{SYMBOLS_START}{next(it)}{SYMBOLS_END}", text) for text in texts]  # type: ignore[misc]
    return texts


def without_unspeakable(text: str, language: str) -> str:
    """Removes the letters that can't be spoken, which espeak-ng would name one by one."""
    foreign = {c for c in set(text) if _is_unspeakable(c, language)}
    return text.translate(dict.fromkeys(map(ord, foreign), " "))


def unspeakable_words(text: str, language: str) -> list[str]:
    """Returns the words that contain letters removed by `without_unspeakable`, each once."""
    if not any(_is_unspeakable(character, language) for character in set(text)):
        return []
    words = (match.group() for match in _WORD.finditer(text))
    return list(
        dict.fromkeys(word for word in words if any(_is_unspeakable(character, language) for character in word))
    )


def _is_unspeakable(character: str, language: str) -> bool:
    if not is_letter(character) or is_native_letter(character, language):
        return False
    return language in MISAKI_LANGUAGES or alphabet(character) not in _ESPEAK_LANGUAGES


@cache
def _words_pattern(name: str) -> re.Pattern[str]:
    """Matches runs of up to nine words of the alphabet, each of at most 60 letters."""
    letters, repeat = _LETTER_RANGES[name], "{2,60}" if name == "GREEK" else "{1,60}"
    return re.compile(rf"[{letters}]{repeat}+(?:[ '’-][{letters}]{repeat}+){{0,8}}+")
