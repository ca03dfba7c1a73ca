"""Text to chunks: sentences kept whole where they fit, short ones together, long ones cut where one breathes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from voxport.engine.kokoro.chunk import Chunk
from voxport.engine_errors import TextNotSpeakable
from voxport.text.foreign_words import without_unspoken
from voxport.text.languages import LANGUAGES
from voxport.text.pauses import MAX_SECONDS_IN_ALL, split_pause
from voxport.text.phonemes import to_tokens
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import symbols_of
from voxport.text.sentences import check_alphabet, readable, sentences
from voxport.text.split_points import Passage, cut, cut_raw, needs_mark, opening

_ENOUGH: Final = 100
"""Tokens from which a chunk is long enough to stand alone: prosody is poor on very short ones."""
_ENOUGH_FIRST: Final = 20
"""The same for the first chunk where the first sound is wanted soon."""
_COMFORTABLE: Final = 160
"""Tokens up to which short sentences are put together: about 10 s of speech."""
LONGEST: Final = 220
"""Tokens up to which a sentence is kept whole: about 13 s. The network takes 510, but it rushes near that end, and the
memory of a synthesis grows with its length (590 MB in all at 150 tokens, 730 at 250, 1,120 at 372)."""
_LONGEST_SAID: Final = 400
"""Characters from which a sentence is cut without asking how many tokens it has: there are more than 220 then, as
a letter that is said has 0.6 symbols or more."""
_BATCH: Final = 4_000
"""Characters that are phonemised with one question."""
_PAUSE_PARAGRAPH: Final = 0.6
_PAUSE_SENTENCE: Final = 0.3
_PAUSE_CLAUSE: Final = 0.12
"""Seconds of silence after a chunk. Synthesis is trimmed, so this is nearly the whole pause."""


def plan(text: str, language: str, phonemizer: Phonemizer, *, first_short: bool = False) -> list[Chunk]:
    """The chunks of `text`, in order, each of 1 to 220 tokens; the last is followed by no pause.

    The same text and `first_short` give the same chunks each time, so that who was interrupted goes on by number.
    Raises TextNotSpeakable where `language` is none of LANGUAGES, where most letters are of an alphabet that it
    can't speak, or where nothing is left to speak.
    """
    return list(plan_stream(text, language, phonemizer, first_short=first_short))


def plan_stream(text: str, language: str, phonemizer: Phonemizer, *, first_short: bool = True) -> Iterator[Chunk]:
    """What `plan` gives, one by one, each as soon as it is known: the first sentence is not kept waiting by a long
    text. With `first_short` the first chunk is a few words only (20 to 60 tokens). Raises as `plan` does."""
    read = readable(text)
    check_alphabet(read, language)
    wishes = _wishes(without_unspoken(read, language), language, first_short)
    pieces = (piece for batch in _batches(wishes) for piece in _pieces(batch, language, phonemizer))
    enough, held = _ENOUGH_FIRST if first_short else _ENOUGH, None
    for piece in pieces:
        together = _together(held, piece, enough)
        if held is not None and together is None:
            yield held
            enough = _ENOUGH
        held = together or piece
    if held is None:
        raise TextNotSpeakable("The text has nothing that can be spoken.", language=language, spoken=LANGUAGES)
    yield replace(held, pause_after=0.0)


def _wishes(text: str, language: str, first_short: bool) -> list[Passage]:
    """The sentences of `text`. What a line without a mark says is closed by a dot, so that the next one does not run
    into it; the last of the text keeps the melody that it has."""
    wishes: list[Passage] = []
    seconds_left = MAX_SECONDS_IN_ALL
    for paragraph in text.split("\n\n"):
        for marked in paragraph.split("\n"):
            seconds, line = split_pause(marked)
            if seconds is not None and wishes and seconds <= seconds_left:
                seconds_left -= seconds
                least = wishes[-1].pause if wishes[-1].pause >= _PAUSE_PARAGRAPH else 0.0
                wishes[-1] = replace(wishes[-1], pause=max(seconds, least))
            wishes += [
                Passage(part, _PAUSE_SENTENCE)
                for sentence in sentences(line, language)
                for part in cut_raw(sentence, language)
            ]
            if wishes and needs_mark(wishes[-1].text):
                wishes[-1] = replace(wishes[-1], closing=".")
        if wishes:
            wishes[-1] = replace(wishes[-1], pause=_PAUSE_PARAGRAPH)
    if wishes:
        wishes[-1] = replace(wishes[-1], closing="")
    if first_short and wishes:
        wishes[:1] = opening(wishes[0].read(language), language, clause_pause=_PAUSE_CLAUSE)
    return wishes


def _batches(wishes: list[Passage]) -> Iterator[list[Passage]]:
    """The first one alone, the others by thousands of characters."""
    batch: list[Passage] = []
    room = 0
    for wish in wishes:
        batch.append(wish)
        room -= len(wish.text)
        if room <= 0:
            yield batch
            batch, room = [], _BATCH
    if batch:
        yield batch


def _pieces(wishes: list[Passage], language: str, phonemizer: Phonemizer) -> Iterator[Chunk]:
    """Each wish as one chunk, or as several where it doesn't fit the network; none where nothing is spoken."""
    read = [wish.read(language) for wish in wishes]
    fitting = [wish.words for wish in read if len(wish.words) <= _LONGEST_SAID]
    symbols = iter(symbols_of(fitting, language, phonemizer))
    for wish in read:
        fits = len(wish.words) <= _LONGEST_SAID
        tokens = to_tokens(next(symbols)) if fits else ()
        if len(wish.text) > 1 and (not fits or len(tokens) > LONGEST):
            yield from _pieces(cut(wish, language, clause_pause=_PAUSE_CLAUSE), language, phonemizer)
        elif tokens:
            yield Chunk(wish.text, tokens[:LONGEST], wish.pause)


def _together(last: Chunk | None, piece: Chunk, enough: int) -> Chunk | None:
    """Both as one chunk while they are short, of one paragraph, and the whole stays comfortable; None otherwise."""
    if last is None or last.pause_after not in (0.0, _PAUSE_CLAUSE, _PAUSE_SENTENCE):
        return None  # a paragraph, or a pause of a length that was asked for
    short = len(last.tokens) < enough or (enough == _ENOUGH and len(piece.tokens) < enough)
    if not short or len(last.tokens) + 1 + len(piece.tokens) > _COMFORTABLE:
        return None
    return Chunk(f"{last.text} {piece.text}", last.tokens + to_tokens(" ") + piece.tokens, piece.pause_after)
