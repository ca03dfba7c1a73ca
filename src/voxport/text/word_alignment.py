"""Finds which symbols speak each written word: "$3.50" is spoken by five words, and "of the" may be one for espeak-ng.

Written words are matched with the words of the normalised text, and these with the groups of symbols. Both keep their
order, so what lies between two matches belongs together.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, NamedTuple

from voxport.cache_folder import default_cache
from voxport.text import eastasian
from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer

_WORD: Final = re.compile(r"\S*\w\S*")
_KEPT_BEFORE: Final = frozenset("$€£¥₹#@+%°-")
_KEPT_AFTER: Final = frozenset("$€£¥₹%°+")
_MARKS: Final = frozenset(';:,.!?—…"()“” ')
"""Symbols that are no sound."""


class AlignedWord(NamedTuple):
    """A written word, and the symbols that speak it, from `start` to before `end`."""

    text: str
    start: int
    end: int


def align_words(
    text: str, spoken: str, symbols: str, language: str, phonemizer: Phonemizer, normalise: Callable[[str], str]
) -> list[AlignedWord]:
    """Return the words of `text`, in order, with their parts of `symbols`, which may be empty. `spoken` is the
    normalised text; `normalise` does the same for a single word."""
    written = split_words(text, language)
    spoken_words = split_words(spoken, language)
    shares = _shares(written, spoken_words, normalise)
    ranges = _symbol_ranges(spoken_words, symbols, language, phonemizer)
    return [
        AlignedWord(word, ranges[first][0], ranges[end - 1][1]) if first < end else AlignedWord(word, 0, 0)
        for word, (first, end) in zip(written, shares, strict=True)
    ]


def split_words(text: str, language: str) -> list[str]:
    """Return the words of `text`, without the marks around them."""
    if language in MISAKI_LANGUAGES:
        return [word for word in eastasian.segment(text, language, default_cache()) if _plain(word)]
    return [_without_outer_marks(word) for word in _WORD.findall(text)]


def token_positions(symbols: str) -> list[int]:
    """Return the number of tokens before each symbol, and that of all."""
    known, positions = vocabulary(), [0]
    for symbol in symbols:
        positions.append(positions[-1] + (symbol in known))
    return positions


def _shares(written: Sequence[str], spoken: Sequence[str], normalise: Callable[[str], str]) -> list[tuple[int, int]]:
    """Return for each written word the spoken ones that it became: their first, and the one behind their last."""
    ours = [_plain(word) for word in written]
    theirs = [_plain(word) for word in spoken]
    shares: list[tuple[int, int]] = []
    for kind, first, end, spoken_first, spoken_end in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            shares += [(spoken_first + n, spoken_first + n + 1) for n in range(end - first)]
        elif end > first:
            weights = [len(normalise(word).split()) for word in written[first:end]]
            bounds = _proportional(weights, spoken_end - spoken_first)
            shares += [(spoken_first + a, spoken_first + b) for a, b in pairwise(bounds)]
    return shares


def _symbol_ranges(words: Sequence[str], symbols: str, language: str, phonemizer: Phonemizer) -> list[tuple[int, int]]:
    """Return the range of the symbols of each spoken word, without the marks around it."""
    sounds = [n for n, symbol in enumerate(symbols) if symbol not in _MARKS]
    groups = [(m.start(), m.end()) for m in re.finditer(r"[^;:,.!?—…\"()“” ]+", symbols)]
    if len(groups) == len(words):
        return groups
    alone = [_sounds_of(symbols_alone) for symbols_alone in phonemizer.symbols(list(words), language)]
    bounds = _mapped_bounds(alone, "".join(symbols[n] for n in sounds))
    return [(sounds[first], sounds[end - 1] + 1) if first < end else (0, 0) for first, end in pairwise(bounds)]


def _mapped_bounds(parts: Sequence[str], whole: str) -> list[int]:
    """Return where each of `parts` begins in `whole`, which is nearly the parts joined, and where the last one ends."""
    matches = [
        (block.a, block.b)
        for block in SequenceMatcher(None, "".join(parts), whole, autojunk=False).get_matching_blocks()
    ]
    starts, bounds, position = [a for a, _ in matches], [0], 0
    for part in parts[:-1]:
        position += len(part)
        last = bisect_right(starts, position) - 1
        at = matches[last][1] + position - matches[last][0] if last >= 0 else 0
        bounds.append(min(max(at, bounds[-1]), len(whole)))
    return [*bounds, len(whole)]


def _proportional(weights: Sequence[int], total: int) -> list[int]:
    """Share `total` among the weights, in order: the bounds of the shares."""
    whole, done, bounds = max(sum(weights), 1), 0, [0]
    for weight in weights[:-1]:
        done += weight
        bounds.append(max(bounds[-1], min(total, round(total * done / whole))))
    return [*bounds, total]


def _without_outer_marks(word: str) -> str:
    start, end = 0, len(word)
    while start < end and not (_is_of_word(word[start]) or word[start] in _KEPT_BEFORE):
        start += 1
    while end > start and not (_is_of_word(word[end - 1]) or word[end - 1] in _KEPT_AFTER):
        end -= 1
    return word[start:end] or word


def _is_of_word(character: str) -> bool:
    """Whether a character is a letter, a vowel sign or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def _sounds_of(symbols: str) -> str:
    return "".join(symbol for symbol in symbols if symbol not in _MARKS)


def _plain(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())
