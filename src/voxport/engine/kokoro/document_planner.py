"""Splits a document into chunks, as `planner` does a plain text, with segments that are spoken in their own way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise, repeat
from typing import Final

from voxport.engine.kokoro.chunk import Chunk, ProsodySpan, WordSpan
from voxport.engine.kokoro.planner import (
    EARLY_MERGE_LIMITS,
    MAX_CHUNK_TOKENS,
    MERGE_LIMITS,
    PAUSE_PARAGRAPH,
    PAUSE_SENTENCE,
    merge_chunks,
)
from voxport.engine_errors import TextNotSpeakable
from voxport.text.foreign_words import without_unspeakable
from voxport.text.ipa import ipa_symbols, symbols_ipa
from voxport.text.languages import LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.phonemes import to_tokens
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import mark_symbols, sentence_symbols
from voxport.text.reading import ReadSentence
from voxport.text.sentences import check_alphabet, clause_ends, split_sentences
from voxport.text.source_words import SourceWords
from voxport.text.split_points import needs_mark
from voxport.text.ssml.document import Document, Line, Segment
from voxport.text.word_alignment import align_words, split_words, token_positions

_MIN_FULL_PAUSE: Final = 1.0
"""Seconds of a pause from which on the words before it are closed like a sentence; before a shorter one the melody
stays up, as before a comma."""
_CLOSING_MARKS: Final = ";:,.!?…)”"
_WORD: Final = re.compile(r"\w")
_SPACE: Final = re.compile(r"\s+")


def plan_document(
    document: Document,
    language: str,
    phonemizer: Phonemizer,
    *,
    short_first_chunk: bool = False,
    with_words: bool = False,
) -> Iterator[Chunk]:
    """Yield the chunks of a document. With `short_first_chunk` the first two are short, as those of `plan` are.
    `with_words` finds the tokens of each word. Raises TextNotSpeakable."""
    source = SourceWords(document.text, document.origins) if with_words else None
    check_alphabet(document.read_text(), language)
    planner = _DocumentPlanner(language, phonemizer, source)
    if short_first_chunk:
        planner.max_tokens = EARLY_MERGE_LIMITS[0].max_tokens
    limits = chain(EARLY_MERGE_LIMITS if short_first_chunk else (), repeat(MERGE_LIMITS))
    current_limits, pending = next(limits), None
    for chunk in _with_pauses(document, planner):
        planner.max_tokens = MAX_CHUNK_TOKENS
        merged = merge_chunks(pending, chunk, current_limits)
        if pending is not None and merged is None:
            yield pending
            current_limits = next(limits)
        pending = merged or chunk
    if pending is None:
        raise TextNotSpeakable("The text has nothing that can be spoken.", language=language, spoken=LANGUAGES)
    yield replace(pending, pause_after=0.0)


def read_document(document: Document, language: str, phonemizer: Phonemizer) -> list[ReadSentence]:
    """Return how `plan_document` reads each sentence of a document. Raises TextNotSpeakable."""
    check_alphabet(document.read_text(), language)
    planner = _DocumentPlanner(language, phonemizer, None)
    lines = enumerate(document.lines, 1)
    return [one for number, line in lines for one in planner.read(line, is_last=number == len(document.lines))]


def _with_pauses(document: Document, planner: _DocumentPlanner) -> Iterator[Chunk]:
    """Yield the chunks of all lines, each with the pause behind it, the first one with that before it. A pause behind a
    line that says nothing is added to the one before."""
    held: Chunk | None = None
    lead = 0.0
    for number, line in enumerate(document.lines):
        is_last = number + 1 == len(document.lines)
        for chunk in planner.chunks(line, is_last=is_last):
            if held is not None:
                yield held
            held, lead = replace(chunk, exact_lead=lead), 0.0
        if held is not None and line.pause is not None:
            held = replace(held, pause_after=0.0, exact_pause=held.exact_pause + line.pause)
        elif held is not None and line.ends_paragraph and not held.exact_pause:
            held = replace(held, pause_after=PAUSE_PARAGRAPH)
        elif held is None:
            lead += line.pause or 0.0
    if held is not None:
        yield held


@dataclass(frozen=True)
class _Part:
    """Characters of one segment."""

    segment: Segment
    text: str

    @property
    def is_whole(self) -> bool:
        return self.segment.is_replaced


@dataclass(frozen=True)
class _Spoken:
    """Symbols, with the ranges of the written words and of the segments in them."""

    symbols: str
    text: str
    words: tuple[tuple[int, int, str], ...] = ()
    spans: tuple[tuple[int, int, Segment], ...] = ()


class _DocumentPlanner:
    def __init__(self, language: str, phonemizer: Phonemizer, source: SourceWords | None) -> None:
        self._language = language
        self._phonemizer = phonemizer
        self._source = source
        self._sentence = 0
        self.max_tokens = MAX_CHUNK_TOKENS
        """Of the next chunk, where its sentence can be split."""

    def chunks(self, line: Line, *, is_last: bool) -> Iterator[Chunk]:
        """Yield the chunks of a line, each of one voice and at most one sentence."""
        for parts, closing in self._closed_sentences(line, is_last=is_last):
            yield from self._fitting(parts, closing)
            self._sentence += 1

    def read(self, line: Line, *, is_last: bool) -> Iterator[ReadSentence]:
        """Yield how each sentence of a line is read."""
        for parts, closing in self._closed_sentences(line, is_last=is_last):
            spoken = self._joined(parts)
            if to_tokens(spoken.symbols) and _WORD.search(spoken.symbols):
                written = "".join(part.text for part in parts).strip()
                yield ReadSentence(written, f"{spoken.text}{closing}", symbols_ipa(f"{spoken.symbols}{closing}"))

    def _closed_sentences(self, line: Line, *, is_last: bool) -> Iterator[tuple[list[_Part], str]]:
        """Yield the sentences of a line, each of one voice, with the mark that closes it where none is written."""
        turns = [list(turn) for _, turn in groupby(line.segments, lambda segment: segment.style.voice)]
        for turn in turns:
            sentences = self._sentences(turn)
            for number, parts in enumerate(sentences):
                yield parts, "" if is_last or number + 1 < len(sentences) else _closing(parts, line.pause)

    def _sentences(self, segments: Sequence[Segment]) -> list[list[_Part]]:
        """Split segments at the ends of sentences, which are sought outside of what is replaced."""
        masked = "".join("x" * len(one.text) if one.is_replaced else one.text for one in segments)
        bounds, position = [0], 0
        for sentence in split_sentences(masked, self._language):
            position = masked.index(sentence, position) + len(sentence)
            bounds.append(position)
        bounds[-1] = len(masked)
        parts = [_slice(segments, start, end) for start, end in pairwise(bounds)]
        return [one for one in parts if any(part.text.strip() for part in one)]

    def _fitting(self, parts: list[_Part], closing: str) -> Iterator[Chunk]:
        """Yield the parts as one chunk, or as several where it would be too long."""
        spoken = self._joined(parts)
        symbols = f"{spoken.symbols}{closing}"
        tokens = to_tokens(symbols)
        if not tokens or not any(_WORD.search(symbol) for symbol in symbols):
            return
        halves = _halves(parts) if len(tokens) > self.max_tokens else None
        if halves is None:
            positions = [min(one, MAX_CHUNK_TOKENS) for one in token_positions(symbols)]
            yield Chunk(
                "".join(part.text for part in parts).strip(),
                tokens[:MAX_CHUNK_TOKENS],
                PAUSE_SENTENCE,
                tuple(_prosody(positions, *span) for span in spoken.spans if not _is_plain(span[2])),
                self._word_spans(positions, spoken.words),
                parts[0].segment.style.voice,
            )
            return
        yield from (replace(one, pause_after=0.0) for one in self._fitting(halves[0], ""))
        yield from self._fitting(halves[1], closing)

    def _joined(self, parts: list[_Part]) -> _Spoken:
        """Join what is spoken of the parts of a sentence."""
        symbols, text, is_apart = "", "", False
        spans, words = list[tuple[int, int, Segment]](), list[tuple[int, int, str]]()
        for part in parts:
            spoken = self._spoken(part)
            is_apart = is_apart or part.text[:1].isspace()
            if spoken.symbols:
                if _WORD.search(spoken.symbols):
                    symbols = symbols.removesuffix(".")  # of an abbreviation: the sentence goes on
                    text = text.removesuffix(".")
                if symbols and is_apart and spoken.symbols[0] not in _CLOSING_MARKS:
                    symbols += " "
                    text += " "
                text += spoken.text
                start = len(symbols)
                symbols += spoken.symbols
                spans.append((start, len(symbols), part.segment))
                words += [(start + first, start + end, word) for first, end, word in spoken.words]
                is_apart = False
            is_apart = is_apart or part.text[-1:].isspace()
        return _Spoken(symbols, text, tuple(words), tuple(spans))

    def _spoken(self, part: _Part) -> _Spoken:
        segment = part.segment
        language = segment.style.language or self._language
        written = part.text.strip()
        if segment.ipa is not None:
            symbols = ipa_symbols(segment.ipa, language)
            return _Spoken(symbols, written, ((0, len(symbols), written),))
        text = without_unspeakable(segment.read_text if segment.is_replaced else part.text, language)
        if not _WORD.search(text):
            return _Spoken(mark_symbols(text), text.strip())
        spoken = normalise_text(text, language)
        (symbols,) = sentence_symbols([spoken], language, self._phonemizer)
        if self._source is None:
            return _Spoken(symbols, spoken)
        if segment.is_replaced:
            return _Spoken(symbols, spoken, ((0, len(symbols), written),))
        aligned = align_words(
            text, spoken, symbols, language, self._phonemizer, lambda word: normalise_text(word, language)
        )
        return _Spoken(symbols, spoken, tuple((word.start, word.end, word.text) for word in aligned))

    def _word_spans(self, positions: list[int], words: Sequence[tuple[int, int, str]]) -> tuple[WordSpan, ...]:
        if self._source is None:
            return ()
        spans = []
        for first, end, word in words:
            # A replaced segment may be several words: it is found by its first and its last one.
            ranges = [self._source.find(one) for one in split_words(word, self._language) or [word]]
            found = [one for one in ranges if one is not None]
            start, stop = positions[first], positions[end]
            if found and start < stop:
                spans.append(WordSpan(start, stop, found[0][0], found[-1][1], self._sentence))
        return tuple(spans)


def _slice(segments: Sequence[Segment], start: int, end: int) -> list[_Part]:
    """Return the parts of the segments between two positions of their joined text."""
    parts, position = [], 0
    for segment in segments:
        first, last = max(start - position, 0), min(end - position, len(segment.text))
        if first < last:
            parts.append(_Part(segment, segment.text[first:last]))
        position += len(segment.text)
    return parts


def _halves(parts: list[_Part]) -> tuple[list[_Part], list[_Part]] | None:
    """Split parts in two near their middle: at the end of a clause, else between words; None if there is no place."""
    masked = "".join("x" * len(part.text) if part.is_whole else part.text for part in parts)
    middle = len(masked) // 2
    clauses = [end for end in clause_ends(masked) if len(masked) // 5 <= end <= len(masked) * 4 // 5]
    spaces = [match.start() for match in _SPACE.finditer(masked) if 0 < match.start() < len(masked) - 1]
    places = clauses or spaces
    if not places:
        return None
    at = min(places, key=lambda place: abs(place - middle))
    return _cut(parts, 0, at), _cut(parts, at, len(masked))


def _cut(parts: list[_Part], start: int, end: int) -> list[_Part]:
    kept, position = [], 0
    for part in parts:
        first, last = max(start - position, 0), min(end - position, len(part.text))
        if first < last:
            kept.append(_Part(part.segment, part.text[first:last]))
        position += len(part.text)
    return kept


def _closing(parts: list[_Part], pause: float | None) -> str:
    """Return the mark that closes a line which has none."""
    if not needs_mark("".join(part.text for part in parts).strip()) or pause == 0.0:
        return ""
    return "," if pause is not None and pause < _MIN_FULL_PAUSE else "."


def _is_plain(segment: Segment) -> bool:
    style = segment.style
    return style.rate == 1.0 and style.semitones == 0.0 and style.decibels == 0.0


def _prosody(positions: list[int], start: int, end: int, segment: Segment) -> ProsodySpan:
    style = segment.style
    return ProsodySpan(positions[start], positions[end], style.rate, style.semitones, style.decibels)
