"""Splits a text into chunks: keeps sentences whole where they fit, merges short ones and splits long ones at pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, chain, groupby, repeat
from typing import Final, NamedTuple

from voxport.engine.kokoro.chunk import Chunk, WordSpan
from voxport.engine_errors import TextNotSpeakable
from voxport.text.foreign_words import without_unspeakable
from voxport.text.ipa import symbols_ipa
from voxport.text.languages import LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.phonemes import to_tokens
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols
from voxport.text.reading import ReadSentence
from voxport.text.sentences import check_alphabet, clean_text, split_sentences
from voxport.text.source_words import SourceWords
from voxport.text.split_points import Passage, needs_mark, split_long_sentence, split_opening, split_passage
from voxport.text.word_alignment import align_words, token_positions


class _MergeLimits(NamedTuple):
    """Chunks shorter than `min_tokens` are merged with a neighbour, because the prosody of very short chunks is poor,
    up to `max_tokens` in total."""

    min_tokens: int
    max_tokens: int


MERGE_LIMITS: Final = _MergeLimits(100, 160)
"""160 tokens are about 10 s of speech."""
EARLY_MERGE_LIMITS: Final = (_MergeLimits(20, 80), _MergeLimits(40, 100))
"""Limits for the first two chunks when the first audio should come soon. Each chunk is spoken while the previous one is
played, so the second may not be much longer than the first either."""
_MIN_OPENING_CHARACTERS: Final = 20
"""Sentences at the start that are shorter together are merged with the opening of the next one."""
MAX_CHUNK_TOKENS: Final = 220
"""Longer sentences are split: this is about 13 s. The network accepts 510 tokens, but rushes near that limit, and the
memory of a synthesis grows with its length (590 MB in total at 150 tokens, 730 at 250, 1,120 at 372)."""
_MAX_SPOKEN_CHARACTERS: Final = 400
"""Longer sentences are split without counting their tokens: they have more than 220, since a spoken letter has at least
0.6 symbols."""
_BATCH_CHARACTERS: Final = 4_000
"""Characters that are phonemised in one call."""
PAUSE_PARAGRAPH: Final = 0.6
PAUSE_SENTENCE: Final = 0.3
_PAUSE_CLAUSE: Final = 0.12
"""Seconds of silence after a chunk. The synthesised audio is trimmed, so this is nearly the whole pause."""


def plan(
    text: str, language: str, phonemizer: Phonemizer, *, short_first_chunk: bool = False, with_words: bool = False
) -> list[Chunk]:
    """Split `text` into chunks of 1 to 220 tokens. No pause follows the last one. `with_words` finds the tokens of each
    word.

    The result is deterministic, so that an interrupted caller can resume by the chunk's number. Raises
    TextNotSpeakable when `language` is not in LANGUAGES, when most letters are of an alphabet that it can't speak, or
    when there is nothing to speak.
    """
    return list(plan_stream(text, language, phonemizer, short_first_chunk=short_first_chunk, with_words=with_words))


def plan_stream(
    text: str, language: str, phonemizer: Phonemizer, *, short_first_chunk: bool = True, with_words: bool = False
) -> Iterator[Chunk]:
    """Yield the chunks of `plan`, each as soon as it is known, so that a long text does not delay the first sentence.
    With `short_first_chunk` the first chunk is only a few words (20 to 80 tokens); the second is merged up to 100.
    Raises the same errors as `plan`."""
    cleaned = clean_text(text)
    check_alphabet(cleaned, language)
    passages = _passages(without_unspeakable(cleaned, language), language, short_first_chunk)
    source = SourceWords(text) if with_words else None
    chunks = (chunk for batch in _batches(passages) for chunk in _chunks(batch, language, phonemizer, source))
    limits = chain(EARLY_MERGE_LIMITS if short_first_chunk else (), repeat(MERGE_LIMITS))
    current_limits, pending = next(limits), None
    for chunk in chunks:
        merged = merge_chunks(pending, chunk, current_limits)
        if pending is not None and merged is None:
            yield pending
            current_limits = next(limits)
        pending = merged or chunk
    if pending is None:
        raise TextNotSpeakable("The text has nothing that can be spoken.", language=language, spoken=LANGUAGES)
    yield replace(pending, pause_after=0.0)


def read_text(text: str, language: str, phonemizer: Phonemizer) -> list[ReadSentence]:
    """Return how `plan` reads each sentence of `text`. Raises the same errors."""
    cleaned = clean_text(text)
    check_alphabet(cleaned, language)
    passages = [one.normalise(language) for one in _passages(without_unspeakable(cleaned, language), language, False)]
    symbols = chain.from_iterable(
        sentence_symbols([one.spoken_text for one in batch], language, phonemizer) for batch in _batches(passages)
    )
    read = []
    for _, group in groupby(zip(passages, symbols, strict=True), lambda pair: pair[0].sentence):
        parts = list(group)
        written, spoken = (" ".join(texts) for texts in zip(*((p.text, p.spoken_text) for p, _ in parts), strict=True))
        phonemes = " ".join(one for _, one in parts if to_tokens(one))
        if phonemes:
            read.append(ReadSentence(written, spoken, symbols_ipa(phonemes)))
    return read


def _passages(text: str, language: str, short_first_chunk: bool) -> list[Passage]:
    """Split `text` into sentences. A line that ends without a punctuation mark is closed by a dot, so that it does not
    run into the next one; the last line of the text keeps its own melody."""
    passages: list[Passage] = []
    sentence_count = 0
    for paragraph in text.split("\n\n"):
        for line in paragraph.split("\n"):
            for sentence in split_sentences(line, language):
                parts = split_long_sentence(sentence, language)
                passages += [Passage(part, PAUSE_SENTENCE, sentence=sentence_count) for part in parts]
                sentence_count += 1
            if passages and needs_mark(passages[-1].text):
                passages[-1] = replace(passages[-1], closing=".")
        if passages:
            passages[-1] = replace(passages[-1], pause=PAUSE_PARAGRAPH)
    if passages:
        passages[-1] = replace(passages[-1], closing="")
    if short_first_chunk and passages:
        opening = _opening_index(passages)
        passages[opening : opening + 1] = split_opening(
            passages[opening].normalise(language), language, clause_pause=_PAUSE_CLAUSE
        )
    return passages


def _opening_index(passages: list[Passage]) -> int:
    """The first passage that has enough characters for an opening, with those before it."""
    lengths = accumulate(len(passage.text) for passage in passages)
    return next((n for n, length in enumerate(lengths) if length >= _MIN_OPENING_CHARACTERS), 0)


def _batches(passages: list[Passage]) -> Iterator[list[Passage]]:
    """Group the passages: the first one alone, the others in batches of about _BATCH_CHARACTERS."""
    batch: list[Passage] = []
    budget = 0
    for passage in passages:
        batch.append(passage)
        budget -= len(passage.text)
        if budget <= 0:
            yield batch
            batch, budget = [], _BATCH_CHARACTERS
    if batch:
        yield batch


def _chunks(
    passages: list[Passage], language: str, phonemizer: Phonemizer, source: SourceWords | None
) -> Iterator[Chunk]:
    """Yield each passage as one chunk, or as several when it is too long; none when nothing in it is spoken. Finds the
    words of each in their `source`."""
    spoken_passages = [passage.normalise(language) for passage in passages]
    short_texts = [
        passage.spoken_text for passage in spoken_passages if len(passage.spoken_text) <= _MAX_SPOKEN_CHARACTERS
    ]
    symbols = iter(sentence_symbols(short_texts, language, phonemizer))
    for passage in spoken_passages:
        is_short = len(passage.spoken_text) <= _MAX_SPOKEN_CHARACTERS
        passage_symbols = next(symbols) if is_short else ""
        tokens = to_tokens(passage_symbols)
        if len(passage.text) > 1 and (not is_short or len(tokens) > MAX_CHUNK_TOKENS):
            halves = split_passage(passage, language, clause_pause=_PAUSE_CLAUSE)
            yield from _chunks(halves, language, phonemizer, source)
        elif tokens:
            words = _words(passage, passage_symbols, language, phonemizer, source) if source is not None else ()
            yield Chunk(passage.text, tokens[:MAX_CHUNK_TOKENS], passage.pause, words=words)


def _words(
    passage: Passage, symbols: str, language: str, phonemizer: Phonemizer, source: SourceWords
) -> tuple[WordSpan, ...]:
    """Return the words of a passage that are spoken."""
    positions, words = token_positions(symbols), []
    aligned = align_words(
        passage.text, passage.spoken_text, symbols, language, phonemizer, lambda word: normalise_text(word, language)
    )
    for word in aligned:
        characters = source.find(word.text)
        start, end = positions[word.start], min(positions[word.end], MAX_CHUNK_TOKENS)
        if characters is not None and start < end:
            words.append(WordSpan(start, end, *characters, passage.sentence))
    return tuple(words)


def merge_chunks(last: Chunk | None, chunk: Chunk, limits: _MergeLimits = MERGE_LIMITS) -> Chunk | None:
    """Merge two chunks that are short, of the same paragraph and voice; None when they should stay apart or get too
    long."""
    if last is None or last.pause_after not in (0.0, _PAUSE_CLAUSE, PAUSE_SENTENCE):
        return None  # the end of a paragraph
    if last.exact_pause or last.voice != chunk.voice:
        return None
    min_tokens = limits.min_tokens
    is_short = len(last.tokens) < min_tokens or (limits == MERGE_LIMITS and len(chunk.tokens) < min_tokens)
    if not is_short or len(last.tokens) + 1 + len(chunk.tokens) > limits.max_tokens:
        return None
    shift = len(last.tokens) + 1
    words = (replace(word, start=word.start + shift, end=word.end + shift) for word in chunk.words)
    prosody = (replace(span, start=span.start + shift, end=span.end + shift) for span in chunk.prosody)
    return replace(
        chunk,
        text=f"{last.text} {chunk.text}",
        tokens=last.tokens + to_tokens(" ") + chunk.tokens,
        prosody=(*last.prosody, *prosody),
        words=(*last.words, *words),
        exact_lead=last.exact_lead,
    )
