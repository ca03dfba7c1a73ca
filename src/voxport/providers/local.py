"""The `local` provider: runs the engine on this machine, in a process that all processes of the gateway share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from voxport.audio.loudness import LoudnessNormalizer, LoudnessState
from voxport.engine import (
    LANGUAGES,
    Chunk,
    EngineError,
    EngineProcess,
    EngineUnavailable,
    SampleNotEnrollable,
    Synthesis,
    TextNotSpeakable,
    VoiceFileError,
    VoiceNotMixable,
    apply_levels,
    model_id,
    stock_voice_list,
    word_times,
)
from voxport.errors import Invalid, ProviderFailed, ProviderUnavailable, SampleUnusable, VoxportError
from voxport.providers.base import (
    SAMPLE_RATE,
    Audio,
    Capabilities,
    Checkpoint,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    ProviderConfig,
    ResumeTokenInvalid,
    SpokenWord,
    StockVoice,
    Utterance,
    VoiceDesign,
    VoiceRef,
)
from voxport.retry import retry
from voxport.telemetry import metrics
from voxport.text.foreign_words import unspeakable_words
from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.reading import ReadSentence
from voxport.text.sentences import check_alphabet, clean_text
from voxport.text.ssml.parser import TAGS

T = TypeVar("T")

CLONE_LANGUAGE = "en-us"
_MAX_WORDS_SHOWN, _MAX_WORD_LENGTH = 10, 30  # limits of a warning: words that are not spoken, and characters of each
_PAUSES = (0.0,)  # the engine's process may die during a call and then restarts; a retry costs nothing


def open_provider(config: ProviderConfig) -> LocalProvider:
    """Open the provider. `options`: `threads` and `niceness` of the engine's process, `fit_steps` of a clone, `model`,
    the path of the weights, `shared_in`, the folder in which the gateway's processes find their engine, and
    `loads_at_start`, whether `start` loads it."""
    options = config.options

    def engine(shared_in: Path | None = None) -> EngineProcess:
        return EngineProcess(
            threads=options["threads"],
            niceness=options["niceness"],
            fit_steps=options["fit_steps"],
            model_path=options["model"],
            shared_in=shared_in,
            on_call_end=metrics.on_engine_call_end,
        )

    return LocalProvider(
        engine(options["shared_in"]),
        engine,
        loads_at_start=options["loads_at_start"],
        model_path=options["model"],
        max_text_length=config.max_text_length,
        sample_min_seconds=config.sample_min_seconds,
        sample_max_seconds=config.sample_max_seconds,
    )


class LocalProvider(Provider):
    """Speaks and clones with the local engine. Always available: an engine that died restarts with the next call, which
    raises ProviderUnavailable if it can't. The engine stores no voices; a voice is a file that the gateway stores."""

    name = "local"

    def __init__(
        self,
        engine: EngineProcess,
        new_fit_process: Callable[[], EngineProcess],
        *,
        max_text_length: int,
        sample_min_seconds: int,
        sample_max_seconds: int,
        loads_at_start: bool = True,
        model_path: Path | None = None,
    ) -> None:
        """`new_fit_process` creates a process for one persistent clone, which takes much time and memory. The process
        ends with the clone. Lengths are in characters and seconds, from the catalogue. Without `loads_at_start` the
        first call loads the engine. `model_path` are the weights that the engine was given."""
        self._engine = engine
        self._model_path = model_path
        self._loads_at_start = loads_at_start
        self._new_fit_process = new_fit_process
        self._capabilities = Capabilities(
            supports_voice_cloning=find_spec("torch") is not None,
            supports_instant_clone=True,
            supports_streaming=True,
            supports_timestamps=True,
            markup_tags=TAGS,
            reads_documents=True,
            languages=LANGUAGES,
            clone_language=CLONE_LANGUAGE,
            max_text_length=max_text_length,
            voice_settings=("speed",),
            missing_languages=_missing_languages(),
            sample_min_seconds=sample_min_seconds,
            sample_max_seconds=sample_max_seconds,
        )

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def is_ready(self) -> bool:
        """Whether the engine is loaded and answers at once, or is not needed before a call. Restarts an engine that
        died while idle, because no call would restart it if calls are sent only to a gateway that is ready. Raises
        EngineUnavailable when it could not be loaded."""
        if not self._loads_at_start or self._engine.is_ready():
            return True
        self._engine.start()
        return False

    def engine_state(self) -> tuple[bool, int]:
        """Whether this process is connected to a running engine, and its calls that wait or are served there."""
        return self._engine.pid is not None, self._engine.pending_count

    def list_voices(self) -> list[StockVoice]:
        return list(_stock_voices())

    def check_text(self, text: str, language: str) -> list[str]:
        read = clean_text(text)
        try:
            check_alphabet(read, language)
        except TextNotSpeakable as error:
            raise _unspeakable_text_error(error) from error
        return _unspoken_warnings(read, language)

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        if instant:
            file = self._call_engine(lambda: self._engine.enrol(sample, instant=True))
        else:
            file = self._call_engine(lambda: self._fit(sample, on_progress, checkpoint))
        return ClonedVoice(voice_id, CLONE_LANGUAGE, file)

    def mix_voices(self, parts: Sequence[tuple[VoiceRef, float]], design: VoiceDesign, *, voice_id: str) -> ClonedVoice:
        sources = [(_source(voice), weight) for voice, weight in parts]
        caller = uuid4().hex
        file, language = self._call_engine(
            lambda: self._engine.mix_voices(
                sources,
                pitch=design.pitch,
                rate=design.rate,
                tone=design.tone,
                language=design.language,
                caller=caller,
            )
        )
        return ClonedVoice(voice_id, language, file)

    def _fit(self, sample: Audio, on_progress: ProgressCallback, checkpoint: Checkpoint | None) -> bytes:
        def save_and_report(done: float, state: bytes) -> None:
            if state and checkpoint is not None:
                checkpoint.save(state)
            on_progress(done)

        with closing(self._new_fit_process()) as process:
            return process.enrol(
                sample, on_progress=save_and_report, checkpoint=checkpoint.load() if checkpoint is not None else None
            )

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        resume_from, speed = utterance.resume_from, utterance.speed
        # The engine takes turns between callers, chunk by chunk, so that a long text does not block short ones.
        caller = uuid4().hex
        chunks = self._plan(utterance, caller=caller)
        plan = _fingerprint(chunks)
        if resume_from is not None and resume_from["plan"] != plan:
            raise ResumeTokenInvalid
        normalizer = LoudnessNormalizer(
            LoudnessState(resume_from["energy"], resume_from["blocks"]) if resume_from is not None else None
        )
        sources = {name: _source(ref) for name, ref in utterance.voices.items()}
        offset = resume_from["samples"] if resume_from is not None else 0
        for number in range(resume_from["next"] if resume_from is not None else 0, len(chunks)):
            chunk = chunks[number]
            source = sources[chunk.voice] if chunk.voice is not None else _source(voice)
            lead, pause = _silence(chunk.exact_lead), _silence(chunk.pause_seconds(speed))
            spoken = self._call_engine(
                lambda chunk=chunk, source=source, at=offset + lead.size: self._engine.speak_timed(  # type: ignore[misc]
                    chunk, source, speed, start_sample=at, caller=caller
                )
            )
            speech = apply_levels(normalizer.process(spoken.audio), chunk, spoken.token_starts)
            audio = np.concatenate([lead, speech, pause])
            offset += audio.size
            yield Piece(
                audio,
                progress=(number + 1) / len(chunks),
                resume_token={"plan": plan, "next": number + 1, "samples": offset, **asdict(normalizer.state)},
                words=_spoken_words(chunk, spoken),
            )

    def _plan(self, utterance: Utterance, *, caller: str) -> list[Chunk]:
        text, language, is_first_short = utterance.text, utterance.language, utterance.low_latency
        return self._call_engine(
            lambda: self._engine.plan(
                text,
                language,
                document=utterance.document,
                short_first_chunk=is_first_short,
                with_words=utterance.with_words,
                caller=caller,
            )
        )

    def read(self, utterance: Utterance) -> list[ReadSentence]:
        return self._call_engine(
            lambda: self._engine.read(utterance.text, utterance.language, document=utterance.document)
        )

    def embed_each(self, clips: Sequence[Audio]) -> NDArray[np.float32]:
        """Return a unit vector for each clip, similar for recordings of one speaker. Used to check samples."""
        return self._call_engine(lambda: self._engine.embed_each(clips))

    def speech_version(self) -> str:
        return self._call_engine(lambda: model_id(self._model_path))

    def start(self) -> None:
        if self._loads_at_start:
            self._engine.start()

    def close(self) -> None:
        self._engine.close()

    def _call_engine(self, call: Callable[[], T]) -> T:
        try:
            return retry(call, _PAUSES, on=EngineUnavailable)
        except EngineUnavailable as error:
            raise ProviderUnavailable(
                "The local engine does not answer. Nothing was charged; try again in a minute."
            ) from error
        except EngineError as error:
            raise _to_provider_error(error) from error


def _source(voice: VoiceRef) -> bytes | str:
    """Return what the engine takes for a voice."""
    return voice.file if voice.file is not None else voice.provider_voice_id


def _silence(seconds: float) -> Audio:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _spoken_words(chunk: Chunk, spoken: Synthesis) -> tuple[SpokenWord, ...]:
    return tuple(
        SpokenWord(word.start_char, word.end_char, word.sentence, chunk.exact_lead + start, chunk.exact_lead + end)
        for word, (start, end) in zip(chunk.words, word_times(chunk, spoken), strict=True)
    )


def _unspoken_warnings(text: str, language: str) -> list[str]:
    """Return at most one sentence, which names the words that no voice of the engine can read."""
    words = [
        word if len(word) <= _MAX_WORD_LENGTH else f"{word[:_MAX_WORD_LENGTH]}…"
        for word in unspeakable_words(text, language)
    ]
    if not words:
        return []
    more = f" and {len(words) - _MAX_WORDS_SHOWN} more" if len(words) > _MAX_WORDS_SHOWN else ""
    return [
        f"Not spoken, in an alphabet that {language} voices can't read: {', '.join(words[:_MAX_WORDS_SHOWN])}{more}."
    ]


@cache
def _stock_voices() -> tuple[StockVoice, ...]:
    return tuple(StockVoice(voice.id, voice.name, voice.language, voice.gender) for voice in stock_voice_list())


def _missing_languages() -> dict[str, str]:
    return {
        code: f"It needs packages that are not installed here: `make eastasian`, or `pip install 'voxport[{code}]'`."
        for code in MISAKI_LANGUAGES
        if code not in LANGUAGES
    }


def _fingerprint(chunks: list[Chunk]) -> str:
    """Hash the chunks. Another version of the engine may split a text, or read its numbers, differently."""
    content = json.dumps([chunk.to_json() for chunk in chunks])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _to_provider_error(error: EngineError) -> VoxportError:
    if isinstance(error, TextNotSpeakable):
        return _unspeakable_text_error(error)
    if isinstance(error, SampleNotEnrollable):
        return SampleUnusable(str(error), details={"reason": "no_speaker"})
    if isinstance(error, VoiceNotMixable):
        return Invalid(str(error), location=("body", error.setting))
    if isinstance(error, VoiceFileError):
        return ProviderFailed(f"{error} Clone the voice again.")
    return ProviderFailed(str(error))


def _unspeakable_text_error(error: TextNotSpeakable) -> Invalid:
    return Invalid(str(error), location=("body", "text"), details={"spoken": list(error.spoken)})
