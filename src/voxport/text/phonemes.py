"""Converts espeak-ng's IPA to the symbols that Kokoro was trained on, and symbols to token numbers.

Kokoro writes a diphthong or an affricate as one letter (`A` for `e^ɪ`, `ʧ` for `t^ʃ`), American English without
length marks, and each language slightly differently. The tables follow the documentation of Kokoro's own front end
(misaki). `assets/vocab.json` is the network's vocabulary (`scripts/build_vocab.py`).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Final

_LANGUAGE_FLAG: Final = re.compile(r"\([\w^-]*\)")
"""espeak's flags around a word in another language, `(en)weekend(fr)`. The flags are removed, the word is kept."""

_ENGLISH: Final = [
    ("ʔˌn̩", "tᵊn"),
    ("ʔn̩", "tᵊn"),
    ("ʔn", "tᵊn"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"),
    ("n̩", "ᵊn"),
    ("l̩", "ᵊl"),
    ("m̩", "ᵊm"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("ʔ", "t"),
    ("ʲ", ""),
    ("\u0303", ""),  # the nasal tilde of borrowed French words
]
_ENGLISH_WORDS: Final = {"I": "ˌI", "ə": "ɐ"}
"""The words "I" and "a": Kokoro was trained with a stress and a vowel of their own, but espeak reduces them."""
_AMERICAN: Final = [
    ("o^ʊ", "O"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ɪə", "iə"),
    ("ː", ""),
    ("ɾ", "T"),  # the flap of "water" has a symbol of its own
    ("^", ""),
    ("e", "A"),
    ("o", "ɔ"),
]
_BRITISH: Final = [
    ("e^ə", "ɛː"),
    ("i^ə", "ɪə"),
    ("ə^ʊ", "Q"),
    ("^", ""),
    ("iə", "ɪə"),
    ("e", "A"),
    ("o", "ɔ"),
]
_OTHER: Final = [
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("^", ""),
    ("-", ""),
    # Sounds of words in other alphabets, mapped to the nearest symbol in the vocabulary.
    ("ɭ", "l"),
    ("ɫ", "l"),
    ("ʑ", "ʒ"),
]


def to_symbols(ipa: str, language: str) -> str:
    """Converts espeak-ng's IPA for `language` to Kokoro's symbols."""
    tables = {"en-us": (_ENGLISH, _AMERICAN), "en-gb": (_ENGLISH, _BRITISH)}.get(language, (_OTHER,))
    symbols = _LANGUAGE_FLAG.sub("", ipa)
    for table in tables:
        for old, new in table:
            symbols = symbols.replace(old, new)
    words = symbols.split()
    if language.startswith("en"):
        words = [_ENGLISH_WORDS.get(word, word) for word in words]
    return " ".join(words)


def to_tokens(symbols: str) -> tuple[int, ...]:
    """Converts symbols to token numbers. Drops symbols that are not in the vocabulary."""
    known = vocabulary()
    return tuple(known[symbol] for symbol in symbols if symbol in known)


@cache
def vocabulary() -> dict[str, int]:
    """Returns the token number of each symbol. Read once; must not be modified."""
    content = (files("voxport.text") / "assets" / "vocab.json").read_text(encoding="utf-8")
    return {str(symbol): int(token) for symbol, token in json.loads(content).items()}
