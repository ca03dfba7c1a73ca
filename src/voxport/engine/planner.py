"""Text to chunks: sentences kept whole where they fit, short ones together, long ones cut where one breathes."""

from __future__ import annotations

from typing import Final

from voxport.engine.chunk import Chunk
from voxport.engine.errors import TextNotSpeakable
from voxport.engine.phonemizer import Phonemizer
from voxport.engine.prosody import symbols_of
from voxport.engine.symbols import to_tokens
from voxport.engine.text import check_alphabet, clauses, clean, halves, sentences, without_foreign

_ENOUGH: Final = 100
"""Tokens from which a chunk is long enough to stand alone: prosody is poor on very short ones."""
_COMFORTABLE: Final = 250
"""Tokens up to which short sentences are put together: about 15 s of speech."""
_LONGEST: Final = 400
"""Tokens up to which a sentence is kept whole. The network takes 510, but it rushes near that end, and the memory of
a synthesis grows with its length."""
_PAUSE_PARAGRAPH: Final = 0.6
_PAUSE_SENTENCE: Final = 0.3
_PAUSE_CLAUSE: Final = 0.12
"""Seconds of silence after a chunk. Synthesis is trimmed, so this is nearly the whole pause."""


def plan(text: str, language: str, phonemizer: Phonemizer) -> list[Chunk]:
    """The chunks of `text`, in order, each of 1 to 400 tokens; the last is followed by no pause.

    Raises TextNotSpeakable where `language` is none of LANGUAGES, where most letters are of an alphabet that it
    can't speak, or where nothing is left to speak.
    """
    cleaned = clean(text)
    check_alphabet(cleaned, language)
    chunks: list[Chunk] = []
    for paragraph in without_foreign(cleaned, language).split("\n"):
        pieces = [
            piece
            for sentence in sentences(paragraph)
            for piece in _pieces(sentence, language, phonemizer, _PAUSE_SENTENCE)
        ]
        chunks += _ending_in(_PAUSE_PARAGRAPH, _grouped(pieces))
    if not chunks:
        raise TextNotSpeakable("The text has nothing that can be spoken.", language=language)
    return _ending_in(0.0, chunks)


def _pieces(text: str, language: str, phonemizer: Phonemizer, pause: float) -> list[Chunk]:
    """`text` as few pieces that fit the network, cut at clauses, else between words, else anywhere."""
    tokens = to_tokens(symbols_of(text, language, phonemizer))
    if len(tokens) <= _LONGEST:
        return [Chunk(text, tokens, pause)] if tokens else []
    parts = clauses(text)
    inner = _PAUSE_CLAUSE
    if len(parts) == 1:
        parts, inner = halves(text), 0.0
    pieces = [piece for part in parts for piece in _pieces(part, language, phonemizer, inner)]
    return _ending_in(pause, pieces)


def _grouped(pieces: list[Chunk]) -> list[Chunk]:
    """Neighbours put together while they are short, and the whole stays comfortable."""
    chunks: list[Chunk] = []
    for piece in pieces:
        last = chunks[-1] if chunks else None
        short = last is not None and min(len(last.tokens), len(piece.tokens)) < _ENOUGH
        if last is not None and short and len(last.tokens) + 1 + len(piece.tokens) <= _COMFORTABLE:
            together = last.tokens + to_tokens(" ") + piece.tokens
            chunks[-1] = Chunk(f"{last.text} {piece.text}", together, piece.pause_after)
        else:
            chunks.append(piece)
    return chunks


def _ending_in(pause: float, chunks: list[Chunk]) -> list[Chunk]:
    if not chunks:
        return []
    return [*chunks[:-1], Chunk(chunks[-1].text, chunks[-1].tokens, pause)]
