"""Where a text may be cut: only where both sides are read as they are read together.

Numbers, units, titles and times are read before anything is cut, so the words of a text do not depend on where its
chunks end: "$50 million" is never "fifty dollars" in one chunk and "million" in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from typing import Final

from voxport.text.heteronyms import respelled
from voxport.text.normalise import spoken
from voxport.text.normalise.abbreviation_forms import shortened
from voxport.text.normalise.locales import WORDINGS
from voxport.text.sentences import clause_ends

_OPENING_LEAST: Final = 20
_OPENING_MOST: Final = 70
"""Characters of an opening: about 20 to 60 symbols, two to four seconds of speech."""
_OPENING_FAR: Final = 140
"""Characters up to which a place is looked for where there is none before."""
_OPENING_NEAR: Final = 6
_RAW: Final = 1_000
"""Characters from which a sentence is cut before it is read: nobody writes such, and reading it takes long."""
_AROUND: Final = 120
"""Characters on each side of a place by which it is judged: no reader looks further."""
_TRIES: Final = 6
"""Places that are tried before the words themselves are cut."""
_CLAUSE_MARKS: Final = tuple(",;:—…")
_SPACE: Final = re.compile(r"\s+")
_LAST: Final = re.compile(r"\S+$")
_FIRST: Final = re.compile(r"\S+")
_ENDS_MARKED: Final = re.compile(r"[.!?…:;,。！？।॥—–][\"'”’»)\]」』]*$")


@dataclass(frozen=True)
class Passage:
    """A piece of text that is not phonemised yet, and the pause behind it in seconds. `said` are its words once it
    has been read; `closing` is a mark that is said though it was not written."""

    text: str
    pause: float
    said: str | None = None
    closing: str = ""

    @property
    def words(self) -> str:
        return f"{self.said or ''}{self.closing if self.said else ''}"

    def read(self, language: str) -> Passage:
        return self if self.said is not None else replace(self, said=spoken(self.text, language))


def needs_mark(line: str) -> bool:
    """Whether a line ends without a mark, as headings and list items do."""
    return _ENDS_MARKED.search(line) is None


def cut_raw(sentence: str, language: str) -> list[str]:
    """A sentence of thousands of characters in pieces of about a thousand; any other whole."""
    pieces: list[str] = []
    while len(sentence) > _RAW:
        spaces = [match.start() for match in _SPACE.finditer(sentence, _RAW // 2, _RAW)]
        clauses = [end for end in clause_ends(sentence[:_RAW]) if end >= _RAW // 2]
        tried = [*clauses[:-_TRIES:-1], *spaces[:-_TRIES:-1]]
        end = next((at for at in tried if _is_safe(sentence, at, language)), tried[0] if tried else _RAW)
        pieces.append(sentence[:end].strip())
        sentence = sentence[end:].strip()
    return [*pieces, sentence]


def cut(passage: Passage, language: str, *, clause_pause: float) -> list[Passage]:
    """The passage in two: at the end of a clause near its middle, else between words, else anywhere."""
    text, middle = passage.text, len(passage.text) // 2
    ends = [end for end in clause_ends(text) if len(text) // 5 <= end <= len(text) * 4 // 5]
    for places, pause in ((ends, clause_pause), ([match.start() for match in _SPACE.finditer(text)], 0.0)):
        for at in sorted(places, key=lambda place: abs(place - middle))[:_TRIES]:
            halves = _halves(passage, at, language, pause)
            if halves is not None:
                return halves
    return _by_words(passage)


def opening(passage: Passage, language: str, *, clause_pause: float) -> list[Passage]:
    """The first few words of a passage, up to where one may breathe, and its rest: for a first sound soon.

    That is its first clauses, or what stands before a word like "and" or "which" where no clause ends in time.
    """
    if len(passage.text) <= _OPENING_MOST:
        return [passage]
    for at in islice(_openings(passage.text, language), 60):
        halves = _halves(passage, at, language, 0.0)
        if halves is not None:
            head = halves[0]
            return [replace(head, pause=clause_pause) if head.text.endswith(_CLAUSE_MARKS) else head, halves[1]]
    return [passage]


def _openings(text: str, language: str) -> Iterator[int]:
    yield from (end for end in clause_ends(text[: _OPENING_MOST + 1]) if _OPENING_LEAST <= end <= _OPENING_MOST)
    breaths = WORDINGS[language].breaths if language in WORDINGS else frozenset()
    words = re.finditer(r" ([^\W\d_][\w\u0900-\u097f]*)", text[:_OPENING_MOST])
    yield from reversed([m.start() for m in words if m.start() >= _OPENING_LEAST and m[1].lower() in breaths])
    spaces = [match.start() for match in _SPACE.finditer(text[: _OPENING_FAR + 1])]
    yield from reversed([space for space in spaces if _OPENING_NEAR <= space <= _OPENING_MOST])
    yield from (space for space in spaces if space > _OPENING_MOST)


def _halves(passage: Passage, at: int, language: str, pause: float) -> list[Passage] | None:
    """The two sides of a place, where their words are those of the whole; None where they are not."""
    head, rest = passage.text[:at].strip(), passage.text[at:].strip()
    if not head or not rest or _belong_together(head, rest, language):
        return None
    first, second = spoken(head, language), spoken(rest, language)
    apart = respelled(first, language) + respelled(second, language)
    if "".join(apart.split()) != "".join(respelled(passage.said or "", language).split()):
        return None
    return [Passage(head, pause, first), replace(passage, text=rest, said=second)]


def _is_safe(text: str, at: int, language: str) -> bool:
    """Whether both sides of a place are read as they are read together, judged by what stands around it."""
    start = text.find(" ", max(0, at - _AROUND), at)
    end = text.rfind(" ", at, at + _AROUND)
    before, after = text[max(start, 0) : at], text[at : end if end > at else at + _AROUND]
    if _belong_together(before, after.strip(), language):
        return False
    apart = spoken(before, language) + spoken(after, language)
    return "".join(apart.split()) == "".join(spoken(before + after, language).split())


def _belong_together(head: str, rest: str, language: str) -> bool:
    """Whether the last word of one side and the first of the other are one thing although each is read the same
    alone: a number and what it counts, a title or an initial and its name."""
    last, first = _LAST.search(head), _FIRST.match(rest)
    if last is None or first is None:
        return False
    if head.endswith((",", ";", ":", "…")):
        return last.group()[:-1].isdecimal() and first.group()[0].isdecimal()
    word = last.group().strip("\"'“”‘’«»()[]")
    if word[-1:].isnumeric() or word[-1:] in tuple("$€£¥₹₩₽+#@°%№/=<>≤≥±×÷-"):
        return True
    return word.rstrip(".").lower() in _titles(language) or (
        len(word.rstrip(".")) == 1 and word[0].isupper() and word != "I"
    )


@cache
def _titles(language: str) -> frozenset[str]:
    """What stands before a name or a number, short and in full, in small letters."""
    if language not in WORDINGS:
        return frozenset()
    known = shortened(language)
    written = chain(known.titles.items(), known.before_numbers.items())
    return frozenset(part.rstrip(".").lower() for pair in written for part in pair)


def _by_words(passage: Passage) -> list[Passage]:
    """The words themselves in two: of a text that can be cut nowhere else. Its pieces show what is said."""
    said = passage.said or ""
    middle = len(said) // 2
    spaces: Iterable[int] = (said.rfind(" ", 0, middle), said.find(" ", middle))
    at = min((space for space in spaces if space > 0), key=lambda space: abs(space - middle), default=middle)
    head, rest = said[:at].strip(), said[at:].strip()
    if not head or not rest:
        head, rest = said[:middle], said[middle:]
    return [Passage(head, 0.0, head), replace(passage, text=rest, said=rest)]
