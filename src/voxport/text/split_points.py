"""Splits text only at points where both sides are read in the same way as together.

Numbers, units, titles and times are normalised before the split, so the words do not depend on chunk boundaries:
"$50 million" is never "fifty dollars" in one chunk and "million" in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from typing import Final

from voxport.text.heteronyms import respell_heteronyms
from voxport.text.normalise import normalise_text
from voxport.text.normalise.abbreviation_forms import abbreviations_of
from voxport.text.normalise.locales import LOCALE_WORDS
from voxport.text.sentences import clause_ends

_MIN_OPENING: Final = 20
_MAX_OPENING: Final = 70
"""Limits of an opening in characters: about 20 to 60 symbols, two to four seconds of speech."""
_MAX_PHRASE_OPENING: Final = 50
"""Limit in characters of an opening that ends at no natural pause."""
_MAX_OPENING_SEARCH: Final = 140
"""Extended limit in characters if there is no split point before."""
_MIN_OPENING_FALLBACK: Final = 6
_MAX_RAW_CHARACTERS: Final = 1_000
"""Maximum length of a sentence that is normalised whole. Longer ones are rare, and normalising them is slow."""
_CONTEXT_CHARACTERS: Final = 120
"""Characters on each side of a split point that are checked. No normalisation rule looks further."""
_MAX_TRIES: Final = 6
"""Split points that are tried before the spoken words themselves are split."""
_CLAUSE_MARKS: Final = tuple(",;:—…")
_SPACE: Final = re.compile(r"\s+")
_LAST_WORD: Final = re.compile(r"\S+$")
_FIRST_WORD: Final = re.compile(r"\S+")
_ENDS_WITH_MARK: Final = re.compile(r"[.!?…:;,。！？।॥—–][\"'”’»)\]」』]*$")


@dataclass(frozen=True)
class Passage:
    """Text that is not phonemised yet, and the pause after it in seconds. `spoken` is the normalised text, if known;
    `closing` is a mark that is spoken but was not written; `sentence` is the number of its sentence."""

    text: str
    pause: float
    spoken: str | None = None
    closing: str = ""
    sentence: int = 0

    @property
    def spoken_text(self) -> str:
        return f"{self.spoken or ''}{self.closing if self.spoken else ''}"

    def normalise(self, language: str) -> Passage:
        return self if self.spoken is not None else replace(self, spoken=normalise_text(self.text, language))


def needs_mark(line: str) -> bool:
    """Returns True if a line ends without a mark, as headings and list items do."""
    return _ENDS_WITH_MARK.search(line) is None


def split_long_sentence(sentence: str, language: str) -> list[str]:
    """Splits a sentence of more than 1,000 characters into pieces of at most that; returns any other whole."""
    pieces: list[str] = []
    while len(sentence) > _MAX_RAW_CHARACTERS:
        spaces = [match.start() for match in _SPACE.finditer(sentence, _MAX_RAW_CHARACTERS // 2, _MAX_RAW_CHARACTERS)]
        clauses = [end for end in clause_ends(sentence[:_MAX_RAW_CHARACTERS]) if end >= _MAX_RAW_CHARACTERS // 2]
        candidates = [*clauses[:-_MAX_TRIES:-1], *spaces[:-_MAX_TRIES:-1]]
        end = next(
            (at for at in candidates if _is_safe_split(sentence, at, language)),
            candidates[0] if candidates else _MAX_RAW_CHARACTERS,
        )
        pieces.append(sentence[:end].strip())
        sentence = sentence[end:].strip()
    return [*pieces, sentence]


def split_passage(passage: Passage, language: str, *, clause_pause: float) -> list[Passage]:
    """Splits the passage in two: at the end of a clause near its middle, else between words, else anywhere."""
    text, middle = passage.text, len(passage.text) // 2
    ends = [end for end in clause_ends(text) if len(text) // 5 <= end <= len(text) * 4 // 5]
    for places, pause in ((ends, clause_pause), ([match.start() for match in _SPACE.finditer(text)], 0.0)):
        for at in sorted(places, key=lambda place: abs(place - middle))[:_MAX_TRIES]:
            split_parts = _split_at(passage, at, language, pause)
            if split_parts is not None:
                return split_parts
    return _split_words(passage)


def split_opening(passage: Passage, language: str, *, clause_pause: float) -> list[Passage]:
    """Splits off the first few words of a passage, up to a natural pause, so that the first audio is ready early.

    Splits after a clause, or before a word like "and" or "which" if no clause ends in time.
    """
    if len(passage.text) <= _MAX_OPENING:
        return [passage]
    for at in islice(_opening_ends(passage.text, language), 60):
        split_parts = _split_at(passage, at, language, 0.0)
        if split_parts is not None:
            head = split_parts[0]
            return [replace(head, pause=clause_pause) if head.text.endswith(_CLAUSE_MARKS) else head, split_parts[1]]
    return [passage]


def _opening_ends(text: str, language: str) -> Iterator[int]:
    yield from (end for end in clause_ends(text[: _MAX_OPENING + 1]) if _MIN_OPENING <= end <= _MAX_OPENING)
    breaths = LOCALE_WORDS[language].breath_words if language in LOCALE_WORDS else frozenset()
    words = re.finditer(r" ([^\W\d_][\w\u0900-\u097f]*)", text[:_MAX_OPENING])
    yield from (m.start() for m in words if m.start() >= _MIN_OPENING and m[1].lower() in breaths)
    spaces = [match.start() for match in _SPACE.finditer(text[: _MAX_OPENING_SEARCH + 1])]
    yield from reversed([space for space in spaces if _MIN_OPENING_FALLBACK <= space <= _MAX_PHRASE_OPENING])
    yield from (space for space in spaces if space > _MAX_PHRASE_OPENING)


def _split_at(passage: Passage, at: int, language: str, pause: float) -> list[Passage] | None:
    """Splits at a position. Returns None if the words of the two sides differ from those of the whole."""
    head, rest = passage.text[:at].strip(), passage.text[at:].strip()
    if not head or not rest or _belong_together(head, rest, language):
        return None
    first, second = normalise_text(head, language), normalise_text(rest, language)
    joined_parts = respell_heteronyms(first, language) + respell_heteronyms(second, language)
    if "".join(joined_parts.split()) != "".join(respell_heteronyms(passage.spoken or "", language).split()):
        return None
    return [
        Passage(head, pause, first, sentence=passage.sentence),
        replace(passage, text=rest, spoken=second),
    ]


def _is_safe_split(text: str, at: int, language: str) -> bool:
    """Returns True if both sides of a position are read in the same way as together. Checks only the text around it."""
    start = text.find(" ", max(0, at - _CONTEXT_CHARACTERS), at)
    end = text.rfind(" ", at, at + _CONTEXT_CHARACTERS)
    before, after = text[max(start, 0) : at], text[at : end if end > at else at + _CONTEXT_CHARACTERS]
    if _belong_together(before, after.strip(), language):
        return False
    joined_parts = normalise_text(before, language) + normalise_text(after, language)
    return "".join(joined_parts.split()) == "".join(normalise_text(before + after, language).split())


def _belong_together(head: str, rest: str, language: str) -> bool:
    """Returns True if the last word of `head` and the first of `rest` form a unit although each is read the same
    alone: a number and what it counts, a title or an initial and its name."""
    last, first = _LAST_WORD.search(head), _FIRST_WORD.match(rest)
    if last is None or first is None:
        return False
    if head.endswith((",", ";", ":", "…")):
        return last.group()[:-1].isdecimal() and first.group()[0].isdecimal()
    word = last.group().strip("\"'“”‘’«»()[]")
    if word[-1:].isnumeric() or word[-1:] in tuple("$€£¥₹₩₽+#@°%№/=<>≤≥±×÷-"):
        return True
    return word.rstrip(".").lower() in _title_words(language) or (
        len(word.rstrip(".")) == 1 and word[0].isupper() and word != "I"
    )


@cache
def _title_words(language: str) -> frozenset[str]:
    """Returns the words that precede a name or a number, abbreviated and in full, in lower case."""
    if language not in LOCALE_WORDS:
        return frozenset()
    abbreviations = abbreviations_of(language)
    written = chain(abbreviations.titles.items(), abbreviations.before_numbers.items())
    return frozenset(part.rstrip(".").lower() for pair in written for part in pair)


def _split_words(passage: Passage) -> list[Passage]:
    """Splits the spoken words of a text that can't be split elsewhere. The text of the pieces is the spoken words."""
    spoken = passage.spoken or ""
    middle = len(spoken) // 2
    spaces: Iterable[int] = (spoken.rfind(" ", 0, middle), spoken.find(" ", middle))
    at = min((space for space in spaces if space > 0), key=lambda space: abs(space - middle), default=middle)
    head, rest = spoken[:at].strip(), spoken[at:].strip()
    if not head or not rest:
        head, rest = spoken[:middle], spoken[middle:]
    return [Passage(head, 0.0, head, sentence=passage.sentence), replace(passage, text=rest, spoken=rest)]
