"""Converts sentences to symbols and keeps their punctuation, from which Kokoro derives pauses and intonation.

espeak-ng drops punctuation. Each sentence is therefore split at its marks, the parts between them are phonemised, and
the marks are put back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from voxport.text.foreign_words import with_foreign_words
from voxport.text.heteronyms import respell_heteronyms
from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.phonemizer import Phonemizer
from voxport.text.sentence_dots import has_own_dot
from voxport.text.vowelless_sounds import SYMBOLS_END, SYMBOLS_START, with_vowelless_sounds

_KOKORO_PUNCTUATION: Final = str.maketrans(
    {
        "–": "—",
        "«": "“",
        "»": "”",
        "„": "“",
        "‚": ",",
        "‘": "'",
        "’": "'",
        "।": ".",
        "॥": ".",
        "。": ". ",
        "．": ". ",
        "，": ", ",
        "、": ", ",
        "！": "! ",
        "？": "? ",
        "：": ": ",
        "；": "; ",
        "（": " (",
        "）": ") ",
        "「": " “",
        "」": "” ",
        "『": " “",
        "』": "” ",
        "《": " “",
        "》": "” ",
        "【": " (",
        "】": ") ",
        "[": "(",
        "]": ")",
    }
)
_MARK: Final = re.compile(r"(\ue000[^\ue001]*+\ue001|[—“”\"()]++|(?<![;:,.!?…])[;:,.!?…]++(?=[\s—“”\"()']|$))")
"""Matches quotes, brackets and dashes anywhere, other marks only after a word: not in `3.14` or `example.com`."""

_WORD: Final = re.compile(r"\w")
_LONG_WORD: Final = re.compile(r"\S{60}(?=\S)")
"""Splits longer words, because espeak-ng crashes on some words of hundreds of characters ("a.a.a.…")."""


def sentence_symbols(sentences: list[str], language: str, phonemizer: Phonemizer) -> list[str]:
    """Returns Kokoro's symbols of each sentence (from `normalise_text`), empty if nothing of it is spoken. Calls the
    phonemizer once for all sentences."""
    if language not in MISAKI_LANGUAGES:
        sentences = [with_vowelless_sounds(respell_heteronyms(sentence, language), language) for sentence in sentences]
        sentences = with_foreign_words(sentences, language, phonemizer)
    split_sentences = [_split_at_marks(sentence) for sentence in sentences]
    phonemizer_texts = [
        _LONG_WORD.sub(r"\g<0> ", part) for parts in split_sentences for part in parts[::2] if _WORD.search(part)
    ]
    symbols = iter(phonemizer.symbols(phonemizer_texts, language))
    return [_join_symbols(parts, symbols) for parts in split_sentences]


def mark_symbols(text: str) -> str:
    """Returns the symbols of the marks of a text without words."""
    marks = text.translate(_KOKORO_PUNCTUATION)
    return _simplify_marks("".join(mark for mark in marks if mark in ';:,.!?—…"()“”'))


def _split_at_marks(sentence: str) -> list[str]:
    """Splits into alternating words and marks. The first and last parts are words; any part may be empty."""
    parts = _MARK.split(_with_dashes(sentence.translate(_KOKORO_PUNCTUATION)))
    _reattach_abbreviation_dots(parts)
    return parts


def _join_symbols(parts: list[str], symbols: Iterator[str]) -> str:
    written = [
        _simplify_marks(part) if i % 2 else _with_spacing(part, next(symbols)) if _WORD.search(part) else " "
        for i, part in enumerate(parts)
    ]
    joined = " ".join("".join(written).split())
    is_spoken = any(_WORD.search(part) for part in parts[::2]) or any(part[:1] == SYMBOLS_START for part in parts[1::2])
    return re.sub(r" (?=[;:,.!?…)”])", "", joined) if is_spoken else ""


def _with_dashes(sentence: str) -> str:
    """Replaces spaced and double hyphens with dashes."""
    return re.sub(r" -+ |--++", " — ", sentence)


def _reattach_abbreviation_dots(parts: list[str]) -> None:
    """Moves the dot of an abbreviation back to its word, so that the phonemizer sees both: "Dr." is "doctor"."""
    for i in range(1, len(parts), 2):
        word = re.search(r"[\w.]+$", parts[i - 1])
        if parts[i] == "." and word and has_own_dot(word.group()) and "".join(parts[i + 1 :]).strip():
            parts[i - 1] += "."
            parts[i] = ""


def _simplify_marks(mark: str) -> str:
    """Reduces a run of marks to one of each kind and dots to an ellipsis: `?!?!` to `?!`, `...` to `…`. Keeps symbols
    between SYMBOLS_START and SYMBOLS_END."""
    if mark[:1] == SYMBOLS_START:
        return mark.strip(SYMBOLS_START + SYMBOLS_END)
    return "".join(dict.fromkeys(re.sub(r"\.{2,}", "…", mark)))


def _with_spacing(source: str, symbols: str) -> str:
    """Adds the whitespace around `source` to its symbols."""
    before = " " if source[:1].isspace() else ""
    after = " " if source[-1:].isspace() else ""
    return f"{before}{symbols}{after}"
