"""Words in an alphabet that the language is not written in: spoken by the voice of espeak-ng that knows it, where the
network has symbols for its sounds; what is left is not spoken, and named."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.alphabets import alphabet, belongs, is_letter
from voxport.text.languages import BY_MISAKI
from voxport.text.phonemizer import Phonemizer
from voxport.text.vowelless_sounds import CLOSE, OPEN

_READERS: Final = {"CYRILLIC": "ru", "GREEK": "el", "DEVANAGARI": "hi", "HANGUL": "ko", "GEORGIAN": "ka"}
"""Alphabet to the language of espeak-ng that reads it here."""
_RANGES: Final = {
    "CYRILLIC": "\u0400-\u052f",
    "GREEK": "\u0370-\u03ff\u1f00-\u1fff",
    "DEVANAGARI": "\u0900-\u0963\u0970-\u097f",
    "HANGUL": "\uac00-\ud7a3",
    "GEORGIAN": "\u10a0-\u10ff",
}
_WORD: Final = re.compile(r"[^\W\d_][\w\u0900-\u097f'’-]*")


def with_foreign_words(texts: list[str], language: str, phonemizer: Phonemizer) -> list[str]:
    """The texts with words of other alphabets as symbols between OPEN and CLOSE. A single Greek letter stays: it is
    read by its name."""
    if language in BY_MISAKI:
        return texts
    for name, reader in _READERS.items():
        if name == "DEVANAGARI" and language == "hi":
            continue
        found = [match.group() for text in texts for match in _run(name).finditer(text)]
        if found:
            symbols = iter(phonemizer.symbols(found, reader))
            texts = [_run(name).sub(lambda _, it=symbols: f"{OPEN}{next(it)}{CLOSE}", text) for text in texts]  # type: ignore[misc]
    return texts


def without_unspoken(text: str, language: str) -> str:
    """The text without the letters that nothing here reads, which espeak-ng would name one by one."""
    foreign = {c for c in set(text) if _is_unspoken(c, language)}
    return text.translate(dict.fromkeys(map(ord, foreign), " "))


def unspoken_words(text: str, language: str) -> list[str]:
    """The words, or parts of them, that `without_unspoken` takes out, each once."""
    if not any(_is_unspoken(character, language) for character in set(text)):
        return []
    words = (match.group() for match in _WORD.finditer(text))
    return list(dict.fromkeys(word for word in words if any(_is_unspoken(character, language) for character in word)))


def _is_unspoken(character: str, language: str) -> bool:
    if not is_letter(character) or belongs(character, language):
        return False
    return language in BY_MISAKI or alphabet(character) not in _READERS


@cache
def _run(name: str) -> re.Pattern[str]:
    """Words of the alphabet, neighbours together, at most some hundred letters of each."""
    letters, least = _RANGES[name], "{2,60}" if name == "GREEK" else "{1,60}"
    return re.compile(rf"[{letters}]{least}+(?:[ '’-][{letters}]{least}+){{0,8}}+")
