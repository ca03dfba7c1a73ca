"""Subtitle files from the times of words: SubRip (https://www.matroska.org/technical/subtitles.html#srt-subtitles) and
WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

import html
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Literal

from voxport.providers.base import SpokenWord
from voxport.speech.timestamps import timestamps
from voxport.text.ssml.document import Document

SubtitleFormat = Literal["srt", "vtt"]
_MAX_LINE: Final = 42
"""Characters, as broadcasters take it (BBC subtitle guidelines: 37 to 42)."""
_MAX_CUE: Final = 2 * _MAX_LINE
_MAX_SECONDS: Final = 7.0
_MIN_SECONDS: Final = 0.7
_LEAD_SECONDS: Final = 0.05
"""How long before its first word a cue begins. Netflix allows up to two frames, 83 ms (Timed Text Style Guide, Subtitle
Timing Guidelines, 1: Timing to audio); recognisers count a part of the silence before a word to it."""


@dataclass(frozen=True)
class _Cue:
    start: float
    end: float
    text: str


def subtitles(
    words: Sequence[SpokenWord], text: str, subtitle_format: SubtitleFormat, *, document: Document | None = None
) -> str:
    """Return a file of cues of at most two lines and seven seconds, each within a sentence. `words` are in order.
    `text` is as it was sent; the cues have its `document`'s characters, without the markup."""
    shown, words = (text, list(words)) if document is None else _without_markup(document, words)
    cues = list(_cues(words, shown))
    if subtitle_format == "vtt":
        blocks = [
            f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{html.escape(_wrapped(cue.text), False)}"
            for cue in cues
        ]
        return "\n\n".join(["WEBVTT", *blocks]) + "\n"
    blocks = [
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_wrapped(cue.text.replace('-->', '→'))}"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n\n".join(blocks) + "\n"


def max_subtitles_bytes(text: str) -> int:
    """Return an upper bound of the size of the file: a cue has at most 45 bytes beside its text, of which a character
    takes five as an entity."""
    return 64 + 50 * len(text)


def _without_markup(document: Document, words: Sequence[SpokenWord]) -> tuple[str, list[SpokenWord]]:
    """Return the characters of a document, and its words at their positions among these."""
    characters, origins = list[str](), list[int]()
    for line in document.lines:
        for segment in line.segments:
            characters += segment.text
            origins += segment.origins
        if characters:  # a break or a tag separates words, as a blank does
            characters.append(" ")
            origins.append(origins[-1])
    found = [
        replace(
            word,
            start_char=bisect_left(origins, word.start_char),
            end_char=bisect_left(origins, word.end_char),
        )
        for word in words
    ]
    return "".join(characters), [word for word in found if word.start_char < word.end_char]


def _cues(words: Sequence[SpokenWord], text: str) -> Iterator[_Cue]:
    """Yield the cues. A short one stays until the next begins, or for a moment that can be read."""
    found = [
        _cue(part, text)
        for _, sentence in groupby(words, lambda word: word.sentence)
        for part in _parts(list(sentence), text)
    ]
    starts = [
        max(cue.start - _LEAD_SECONDS, (found[number - 1].start + cue.start) / 2 if number else 0.0)
        for number, cue in enumerate(found)
    ]
    for cue, start, until in zip(found, starts, [*starts[1:], math.inf], strict=False):
        yield _Cue(start, min(max(cue.end, start + _MIN_SECONDS), max(until, start)), cue.text)


def _cue(words: Sequence[SpokenWord], text: str) -> _Cue:
    whole = [SpokenWord(word.start_char, word.end_char, 0, word.start, word.end) for word in words]
    (stamp,) = timestamps(whole, text, "sentence")
    return _Cue(stamp.start, stamp.end, " ".join(stamp.text.split()))


def _parts(words: list[SpokenWord], text: str) -> Iterator[list[SpokenWord]]:
    """Split a sentence that is too long for one cue: behind a comma near its middle, else between words."""
    length = words[-1].end_char - words[0].start_char
    if len(words) == 1 or (length <= _MAX_CUE and words[-1].end - words[0].start <= _MAX_SECONDS):
        yield words
        return
    middle = (words[0].start_char + words[-1].end_char) / 2
    places = range(1, len(words))
    clauses = [n for n in places if text[words[n - 1].end_char : words[n].start_char].strip(" \n\t")[:1] in (*",;:—–",)]
    near = [n for n in clauses if 0.25 <= (words[n].start_char - words[0].start_char) / length <= 0.75]
    at = min(near or places, key=lambda n: abs(words[n].start_char - middle))
    yield from _parts(words[:at], text)
    yield from _parts(words[at:], text)


def _wrapped(text: str) -> str:
    """Break a cue's text into two lines of about the same length, if it is longer than one."""
    if len(text) <= _MAX_LINE:
        return text
    spaces = [n for n, character in enumerate(text) if character == " "]
    if not spaces:
        return text
    at = min(spaces, key=lambda n: abs(n - len(text) / 2))
    return f"{text[:at]}\n{text[at + 1 :]}"


def _clock(seconds: float, mark: str) -> str:
    milliseconds = round(max(seconds, 0.0) * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
