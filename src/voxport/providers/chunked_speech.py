"""A long text at a provider that takes only so much at once: cut at sentence ends, spoken part by part, joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

import numpy as np

from voxport.audio.loudness import Leveller, Memory
from voxport.audio.trim import faded
from voxport.errors import Invalid
from voxport.providers.audio_bounds import PartCheck, silent
from voxport.providers.base import SAMPLE_RATE, Audio, Piece, Place, PlaceLost
from voxport.providers.spool import Spool, from_pcm
from voxport.text.sentences import clean, halves, packed, sentences

_ABBREVIATIONS: Final = {"es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}
"""Whose abbreviations end no sentence, by the first part of a language's code; English ones in all others."""
_SENTENCE_PAUSE: Final = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
_PARAGRAPH_PAUSE: Final = np.zeros(round(0.6 * SAMPLE_RATE), np.float32)
_FRAME: Final = SAMPLE_RATE // 100
_LEAST: Final = SAMPLE_RATE
"""Samples of a stream that are gathered before a place to cut is looked for, in their second half."""
_LONGEST_WHOLE: Final = 2_000
"""Characters of a part that is not streamed: two minutes of audio and more are waited for."""
_SECONDS_OF_CHARACTER: Final = 0.06  # about; for how far a stream is
_MAX_SILENCE: Final = 10 * SAMPLE_RATE
"""Samples before the first sound of a stream's part."""

Source = Callable[[str], Iterator[bytes]]
"""A text as s16le at 24 kHz, in pieces of any size."""


def require_speakable(text: str) -> None:
    """Raises Invalid where nothing of the text is a letter or a digit."""
    if not any(character.isalnum() for character in clean(text)):
        raise Invalid("The text has nothing that can be spoken.", location=("body", "text"))


def spoken_in_parts(
    text: str,
    language: str,
    *,
    limit: int,
    source: Source,
    is_early: bool,
    after: Place | None,
    speed: float = 1.0,
) -> Iterator[Piece]:
    """The text, part by part, each of at most `limit` characters, in pieces of five seconds at most. With `is_early`
    they come while the part is being made; else none does before all of its part is there and was found to be speech of
    it. Speech goes on behind a part, not behind a piece inside of one. Raises PlaceLost, ProviderFailed, and what the
    source raises."""
    parts = _parts(text, language, limit if is_early else min(limit, _LONGEST_WHOLE))
    plan = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    if after is not None and (after["plan"] != plan or after["next"] is None):
        raise PlaceLost
    leveller = Leveller(Memory(after["energy"], after["blocks"]) if after is not None else None)
    share, place = 0.0, after  # of the last piece
    for number in range(after["next"] if after is not None else 0, len(parts)):
        part, is_last = parts[number].strip("\n"), number + 1 == len(parts)
        pause = np.empty(0, np.float32) if is_last else _pause_behind(parts[number])
        with Spool(PartCheck(part, speed)) as spool:
            if is_early:
                spool.fill_beside(source(part))
                audios = _as_it_comes(_at_quiet_places(spool.contents()), leveller)
            else:
                spool.fill(source(part))
                audios = _checked(spool, leveller)
            held, size = np.empty(0, np.float32), 0  # the last piece is known as such only when no other follows
            for audio in audios:
                if not audio.size:
                    if place is not None:
                        yield Piece(audio, share, place, is_resumable=False)
                    continue
                if size:
                    done = min(0.95, size / SAMPLE_RATE / (_SECONDS_OF_CHARACTER * len(part)))
                    share, place = (number + done) / len(parts), {"plan": plan, "next": None}
                    yield Piece(held, share, place, is_resumable=False)
                held, size = audio, size + audio.size
        share, place = (number + 1) / len(parts), {"plan": plan, "next": number + 1, **asdict(leveller.memory)}
        yield Piece(np.concatenate([held, pause]), share, place)


def _checked(spool: Spool, leveller: Leveller) -> Iterator[Audio]:
    """A whole part without the silence at its ends, level. Raises ProviderFailed where all of it is silence."""
    stretches = spool.stretches()

    def stretch(number: int) -> Audio:
        return faded(spool.read(*stretches[number]), is_first=number == 0, is_last=number + 1 == len(stretches))

    before = leveller.memory.blocks
    for number in range(len(stretches)):
        leveller.hear(stretch(number))
    if leveller.memory.blocks == before:
        raise silent()
    for number in range(len(stretches)):
        yield leveller.levelled(stretch(number))


def _as_it_comes(pieces: Iterator[Audio], leveller: Leveller) -> Iterator[Audio]:
    """The pieces of a part, level. What is silent at its beginning waits for the first sound: where none comes, nothing
    was made. Raises ProviderFailed then."""
    before, waiting = leveller.memory.blocks, list[Audio]()
    for audio in pieces:
        if not audio.size:
            yield audio
            continue
        leveller.hear(audio)
        waiting.append(audio)
        if leveller.memory.blocks == before:
            if sum(one.size for one in waiting) > _MAX_SILENCE:
                raise silent()
            continue
        yield from (leveller.levelled(one) for one in waiting)
        waiting.clear()
    if waiting:
        raise silent()


def _at_quiet_places(stream: Iterator[bytes]) -> Iterator[Audio]:
    """What comes, cut where it is softest: there a change of the level is not heard. An empty piece where there is not
    enough yet."""
    waiting, odd = np.empty(0, np.float32), b""
    for content in stream:
        yield waiting[:0]
        odd += content
        waiting = np.concatenate([waiting, from_pcm(odd)])
        odd = odd[len(odd) // 2 * 2 :]
        while waiting.size >= _LEAST:
            cut = _softest(waiting)
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting.size:
        yield waiting


def _softest(audio: Audio) -> int:
    """The middle of the softest 10 ms between half of what is gathered and all of it."""
    start = _LEAST // 2
    audio = audio[:_LEAST]
    frames = audio[start : start + (audio.size - start) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return start + int(np.argmin(np.square(frames).sum(axis=1))) * _FRAME + _FRAME // 2


def _pause_behind(part: str) -> Audio:
    return _PARAGRAPH_PAUSE if part.endswith("\n") else _SENTENCE_PAUSE


def _parts(text: str, language: str, limit: int) -> list[str]:
    """Of at most `limit` characters, each with something to speak; one that ends a paragraph ends with a line break."""
    parts: list[str] = []
    known = _ABBREVIATIONS.get(language.partition("-")[0], "en-us")
    for paragraph in clean(text).split("\n\n"):
        whole = [sentence for line in paragraph.split("\n") for sentence in sentences(line, known)]
        fitting = [piece for sentence in whole for piece in _fitting(sentence, limit)]
        lines = [line for line in packed(fitting, limit) if any(character.isalnum() for character in line)]
        parts += [*lines[:-1], *(f"{line}\n" for line in lines[-1:])]
    return parts


def _fitting(sentence: str, limit: int) -> list[str]:
    if len(sentence) <= limit:
        return [sentence]
    return [piece for half in halves(sentence) for piece in _fitting(half, limit)]
