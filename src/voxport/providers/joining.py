"""A long text at a provider that takes only so much at once: cut at sentence ends, spoken part by part, joined."""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from typing import Final, cast

import numpy as np

from voxport.engine.edges import with_clean_edges
from voxport.engine.loudness import Leveller, Memory
from voxport.engine.text import clean, halves, packed, sentences
from voxport.errors import Invalid, ProviderFailed
from voxport.providers.base import SAMPLE_RATE, Audio, Piece, Place, PlaceLost

_ABBREVIATIONS: Final = {"es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}
"""Whose abbreviations end no sentence, by the first part of a language's code; English ones in all others."""
_SENTENCE_PAUSE: Final = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
_PARAGRAPH_PAUSE: Final = np.zeros(round(0.6 * SAMPLE_RATE), np.float32)
_FRAME: Final = SAMPLE_RATE // 100
_LEAST: Final = SAMPLE_RATE
"""Samples of a stream that are gathered before a place to cut is looked for, in their second half."""
_SECONDS_PER_CHARACTER: Final = 0.015
"""Under a quarter of what the quickest speech takes: less is not all of the text."""
_LONGEST_WHOLE: Final = 2_000
"""Characters of a part that is not streamed: its audio comes at once, two minutes of it and more."""
_SECONDS_OF_CHARACTER: Final = 0.06  # about; for how far a stream is
_UNCHECKED: Final = 20  # characters; a shorter text may well be one short sound

Whole = Callable[[str], Audio]
Stream = Callable[[str], Iterator[bytes]]
"""The text as s16le at 24 kHz, in parts of any size."""


def require_speakable(text: str) -> None:
    """Raises Invalid where nothing of the text is a letter or a digit."""
    if not any(character.isalnum() for character in clean(text)):
        raise Invalid("The text has nothing that can be spoken.", location=("body", "text"))


def spoken_in_parts(
    text: str, language: str, *, limit: int, whole: Whole, streamed: Stream | None, after: Place | None
) -> Iterator[Piece]:
    """The text, part by part, each of at most `limit` characters; with `streamed` in smaller pieces, as they come.
    Speech goes on behind a part, not behind a piece inside of one. Raises PlaceLost, ProviderFailed, and what the two
    raise."""
    parts = _parts(text, language, limit if streamed is not None else min(limit, _LONGEST_WHOLE))
    plan = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    if after is not None and (after["plan"] != plan or after["next"] is None):
        raise PlaceLost
    leveller = Leveller(Memory(after["energy"], after["blocks"]) if after is not None else None)
    for number in range(after["next"] if after is not None else 0, len(parts)):
        part, is_last = parts[number].strip("\n"), number + 1 == len(parts)
        pause = np.empty(0, np.float32) if is_last else _pause_behind(parts[number])
        if streamed is None:
            audio = leveller.process(with_clean_edges(checked(whole(part), part)))
            place: Place = {"plan": plan, "next": number + 1, **asdict(leveller.memory)}
            yield Piece(np.concatenate([audio, pause]), (number + 1) / len(parts), place)
        else:
            yield from _streamed_part(streamed(part), part, pause, leveller, plan, number, len(parts))


def _streamed_part(
    stream: Iterator[bytes], part: str, pause: Audio, leveller: Leveller, plan: str, number: int, count: int
) -> Iterator[Piece]:
    held: Audio | None = None  # the last piece is known as such only when no other follows
    size = 0
    for audio in _at_quiet_places(stream):
        if held is not None:
            done = min(0.95, size / SAMPLE_RATE / (_SECONDS_OF_CHARACTER * len(part)))
            yield Piece(held, (number + done) / count, {"plan": plan, "next": None})
        held = leveller.process(audio)
        size += audio.size
    checked(np.empty(size, np.float32), part)
    place = {"plan": plan, "next": number + 1, **asdict(leveller.memory)}
    yield Piece(np.concatenate([part for part in (held, pause) if part is not None]), (number + 1) / count, place)


def drained(source: Iterator[bytes]) -> Iterator[bytes]:
    """What `source` gives, read by a thread of its own to its end: who listens slowly holds neither a connection nor a
    place among the calls. Where the listener leaves, it is closed with the next part."""
    waiting: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()
    is_gone = threading.Event()

    def read() -> None:
        try:
            with contextlib.closing(cast(Generator[bytes, None, None], source)):
                for part in source:
                    waiting.put(part)
                    if is_gone.is_set():
                        break
            waiting.put(None)
        except BaseException as failure:
            waiting.put(failure)

    threading.Thread(target=read, daemon=True).start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_gone.set()


def checked(audio: Audio, text: str, *, speed: float = 2.0) -> Audio:
    """Raises ProviderFailed where this is too short to be all of the text."""
    least = _SECONDS_PER_CHARACTER * len(text) / speed if len(text) >= _UNCHECKED else 0.0
    if audio.size <= least * SAMPLE_RATE:
        raise ProviderFailed("The provider's audio ends before the text does. Nothing was charged; try again.")
    return audio


def from_pcm(content: bytes) -> Audio:
    """float32 of s16le; half a sample at the end is dropped."""
    return np.asarray(np.frombuffer(content[: len(content) // 2 * 2], "<i2") / 32_768, np.float32)


def _at_quiet_places(stream: Iterator[bytes]) -> Iterator[Audio]:
    """What comes, cut where it is softest: there a change of the level is not heard."""
    waiting, odd = np.empty(0, np.float32), b""
    for content in stream:
        odd += content
        waiting = np.concatenate([waiting, from_pcm(odd)])
        odd = odd[len(odd) // 2 * 2 :]
        if waiting.size >= _LEAST:
            cut = _softest(waiting)
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting.size:
        yield waiting


def _softest(audio: Audio) -> int:
    """The middle of the softest 10 ms of the second half."""
    start = audio.size // 2
    frames = audio[start : start + (audio.size - start) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return start + int(np.argmin(np.square(frames).sum(axis=1))) * _FRAME + _FRAME // 2


def _pause_behind(part: str) -> Audio:
    return _PARAGRAPH_PAUSE if part.endswith("\n") else _SENTENCE_PAUSE


def _parts(text: str, language: str, limit: int) -> list[str]:
    """Of at most `limit` characters, each with something to speak; one that ends a paragraph ends with a line break."""
    parts: list[str] = []
    known = _ABBREVIATIONS.get(language.partition("-")[0], "en-us")
    for paragraph in clean(text).split("\n"):
        fitting = [piece for sentence in sentences(paragraph, known) for piece in _fitting(sentence, limit)]
        lines = [line for line in packed(fitting, limit) if any(character.isalnum() for character in line)]
        parts += [*lines[:-1], *(f"{line}\n" for line in lines[-1:])]
    return parts


def _fitting(sentence: str, limit: int) -> list[str]:
    if len(sentence) <= limit:
        return [sentence]
    return [piece for half in halves(sentence) for piece in _fitting(half, limit)]
