"""Splits spoken lines into sentences with their times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from voxport.providers.base import SpokenWord
from voxport.scripts.rendered import RenderedLine
from voxport.speech.timestamps import timestamps

_TOKEN: Final = re.compile(r"\S+")
_SENTENCE_END: Final = re.compile(r".*[.!?…।。！？][\"'”’»)\]]*")


@dataclass(frozen=True)
class SpokenSentence:
    text: str
    """All sentences of a line together are the line's text, but for blanks at their ends."""
    start: float
    """Seconds of the joined file."""


def spoken_sentences(line: RenderedLine) -> list[SpokenSentence]:
    """Return the sentences of a line, in order. A line without times of words is one sentence."""
    if not line.words:
        return [SpokenSentence(line.text, line.start)]
    stamps = timestamps(line.words, line.text, "sentence")
    begins = [0, *(stamp.start_char for stamp in stamps[1:]), len(line.text)]
    # The first one is highlighted from the begin of the line; words before its first one are not spoken.
    starts = [line.start, *(line.start + stamp.start for stamp in stamps[1:])]
    found: list[SpokenSentence] = []
    for (begin, end), start in zip(pairwise(begins), starts, strict=True):
        text = line.text[begin:end].strip()
        if text:
            latest = min(max(start, found[-1].start if found else line.start), line.end)
            found.append(SpokenSentence(text, latest))
    return found


def words_or_estimate(line: RenderedLine) -> Sequence[SpokenWord]:
    """Return the words of a line; where their times aren't known, as if each character took as long as another."""
    if line.words:
        return line.words
    tokens = list(_TOKEN.finditer(line.text))
    total = sum(len(token[0]) for token in tokens)
    words: list[SpokenWord] = []
    spoken = sentence = 0
    for token in tokens:
        start, end = ((line.end - line.start) * count / total for count in (spoken, spoken + len(token[0])))
        words.append(SpokenWord(token.start(), token.end(), sentence, start, end))
        spoken += len(token[0])
        sentence += _SENTENCE_END.fullmatch(token[0]) is not None
    return words
