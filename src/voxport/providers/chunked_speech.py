"""Speaks a long text at a provider that limits the text of a call: splits it at sentence ends and joins the audio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

import numpy as np

from voxport.audio.loudness import LoudnessNormalizer, LoudnessState
from voxport.audio.trim import fade_edges
from voxport.providers.audio_bounds import AudioLengthCheck, silent_audio_error
from voxport.providers.base import SAMPLE_RATE, Audio, Piece, ResumeTokenInvalid, Utterance
from voxport.providers.spool import Spool, from_pcm
from voxport.text.sentences import clean_text, pack_parts, split_in_half, split_sentences

_ABBREVIATIONS: Final = {"es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt": "pt-br"}
"""The locale whose abbreviations end no sentence, by the first part of a language's code; English for all others."""
_SENTENCE_PAUSE: Final = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
_PARAGRAPH_PAUSE: Final = np.zeros(round(0.6 * SAMPLE_RATE), np.float32)
_FRAME: Final = SAMPLE_RATE // 100
_MIN_SAMPLES: Final = SAMPLE_RATE
"""Samples of a stream to collect before a cut is sought, in their second half."""
_MAX_WHOLE_CHARACTERS: Final = 2_000
"""Characters of a part that is not streamed. The caller waits for all of it, two minutes of audio or more."""
_SECONDS_PER_CHARACTER: Final = 0.06  # approximate; for the progress of a stream
_MAX_SILENCE: Final = 10 * SAMPLE_RATE
"""Samples of silence allowed before the first sound of a streamed part."""

AudioSource = Callable[[str], Iterator[bytes]]
"""Speaks a text. Yields its audio in pieces of any size."""


def speak_in_parts(utterance: Utterance, *, limit: int, source: AudioSource) -> Iterator[Piece]:
    """Speak the text in parts of at most `limit` characters; `source` yields s16le at 24 kHz. Yields pieces of at most
    five seconds: with `low_latency` while their part is synthesized, else only after the whole part has arrived and
    passed the checks. Speech can resume after a part, not after a piece inside one. Raises ResumeTokenInvalid,
    ProviderFailed, and what the source raises."""
    low_latency, resume_from = utterance.low_latency, utterance.resume_from
    parts = _split(utterance.text, utterance.language, limit if low_latency else min(limit, _MAX_WHOLE_CHARACTERS))
    plan = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    if resume_from is not None and (resume_from["plan"] != plan or resume_from["next"] is None):
        raise ResumeTokenInvalid
    normalizer = LoudnessNormalizer(
        LoudnessState(resume_from["energy"], resume_from["blocks"]) if resume_from is not None else None
    )
    progress, token = 0.0, resume_from  # of the last piece
    for number in range(resume_from["next"] if resume_from is not None else 0, len(parts)):
        part, is_last = parts[number].strip("\n"), number + 1 == len(parts)
        pause = np.empty(0, np.float32) if is_last else _pause_after(parts[number])
        with Spool(AudioLengthCheck(part, utterance.speed)) as spool:
            if low_latency:
                spool.fill_in_background(source(part))
                audios = _level_stream(_split_at_quiet_points(spool.contents()), normalizer)
            else:
                spool.fill(source(part))
                audios = _level_whole(spool, normalizer)
            pending, size = np.empty(0, np.float32), 0  # held back: the last piece gets the pause
            for audio in audios:
                if not audio.size:
                    if token is not None:
                        yield Piece(audio, progress, token, is_resumable=False)
                    continue
                if size:
                    done = min(0.95, size / SAMPLE_RATE / (_SECONDS_PER_CHARACTER * len(part)))
                    progress, token = (number + done) / len(parts), {"plan": plan, "next": None}
                    yield Piece(pending, progress, token, is_resumable=False)
                pending, size = audio, size + audio.size
        progress, token = (number + 1) / len(parts), {"plan": plan, "next": number + 1, **asdict(normalizer.state)}
        yield Piece(np.concatenate([pending, pause]), progress, token)


def _level_whole(spool: Spool, normalizer: LoudnessNormalizer) -> Iterator[Audio]:
    """Trim the silence at both ends of a part and normalize its loudness. Raises ProviderFailed if it is silent."""
    segments = spool.segments()

    def segment(number: int) -> Audio:
        return fade_edges(spool.read(*segments[number]), is_first=number == 0, is_last=number + 1 == len(segments))

    before = normalizer.state.blocks
    for number in range(len(segments)):
        normalizer.observe(segment(number))
    if normalizer.state.blocks == before:
        raise silent_audio_error()
    for number in range(len(segments)):
        yield normalizer.normalize(segment(number))


def _level_stream(pieces: Iterator[Audio], normalizer: LoudnessNormalizer) -> Iterator[Audio]:
    """Normalize the loudness of the pieces of a part. Holds back the silence at the beginning until the first sound.
    Raises ProviderFailed if none comes."""
    before, waiting = normalizer.state.blocks, list[Audio]()
    for audio in pieces:
        if not audio.size:
            yield audio
            continue
        normalizer.observe(audio)
        waiting.append(audio)
        if normalizer.state.blocks == before:
            if sum(one.size for one in waiting) > _MAX_SILENCE:
                raise silent_audio_error()
            continue
        yield from (normalizer.normalize(one) for one in waiting)
        waiting.clear()
    if waiting:
        raise silent_audio_error()


def _split_at_quiet_points(stream: Iterator[bytes]) -> Iterator[Audio]:
    """Convert a stream to float32 and cut it at its softest points, where a change of gain is inaudible. Also yields an
    empty piece each time content arrives."""
    waiting, odd = np.empty(0, np.float32), b""
    for content in stream:
        yield waiting[:0]
        odd += content
        waiting = np.concatenate([waiting, from_pcm(odd)])
        odd = odd[len(odd) // 2 * 2 :]
        while waiting.size >= _MIN_SAMPLES:
            cut = _quietest_sample(waiting)
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting.size:
        yield waiting


def _quietest_sample(audio: Audio) -> int:
    """Return the middle of the softest 10 ms in the second half of the first `_MIN_SAMPLES`."""
    start = _MIN_SAMPLES // 2
    audio = audio[:_MIN_SAMPLES]
    frames = audio[start : start + (audio.size - start) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return start + int(np.argmin(np.square(frames).sum(axis=1))) * _FRAME + _FRAME // 2


def _pause_after(part: str) -> Audio:
    return _PARAGRAPH_PAUSE if part.endswith("\n") else _SENTENCE_PAUSE


def _split(text: str, language: str, limit: int) -> list[str]:
    """Split into speakable parts of at most `limit` characters. The last of a paragraph ends with a line break."""
    parts: list[str] = []
    abbreviations = _ABBREVIATIONS.get(language.partition("-")[0], "en-us")
    for paragraph in clean_text(text).split("\n\n"):
        whole = [sentence for line in paragraph.split("\n") for sentence in split_sentences(line, abbreviations)]
        fitting = [piece for sentence in whole for piece in _split_to_limit(sentence, limit)]
        lines = [line for line in pack_parts(fitting, limit) if any(character.isalnum() for character in line)]
        parts += [*lines[:-1], *(f"{line}\n" for line in lines[-1:])]
    return parts


def _split_to_limit(sentence: str, limit: int) -> list[str]:
    if len(sentence) <= limit:
        return [sentence]
    return [piece for half in split_in_half(sentence) for piece in _split_to_limit(half, limit)]
