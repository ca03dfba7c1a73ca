"""The `local` provider: the engine on this machine, in a process of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from importlib.util import find_spec
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voxport.audio.loudness import Leveller, Memory
from voxport.engine import (
    LANGUAGES,
    Chunk,
    EngineError,
    EngineProcess,
    EngineUnavailable,
    SampleNotEnrollable,
    TextNotSpeakable,
    VoiceFileError,
    stock_voice_list,
)
from voxport.errors import Invalid, ProviderFailed, ProviderUnavailable, SampleUnusable, VoxportError
from voxport.providers.base import (
    NO_SETTINGS,
    SAMPLE_RATE,
    Audio,
    Capabilities,
    ClonedVoice,
    Kept,
    Piece,
    Place,
    PlaceLost,
    Progress,
    Setup,
    StockVoice,
    VoiceRef,
    VoiceSettings,
)
from voxport.text.foreign_words import unspoken_words
from voxport.text.languages import BY_MISAKI
from voxport.text.sentences import check_alphabet, readable

T = TypeVar("T")

CLONE_LANGUAGE = "en-us"
_WORDS_SHOWN, _WORD_SHOWN = 10, 30  # in a warning: words that are not spoken, and characters of each
_ATTEMPTS = 2  # the engine's process may have died under the first: it starts anew, and nothing is paid twice


def open_provider(setup: Setup) -> LocalProvider:
    """`options`: `threads` and `niceness` of the engine's process, `fit_steps` of a clone, `model` the file of its
    weights."""
    options = setup.options

    def engine() -> EngineProcess:
        return EngineProcess(
            threads=options["threads"],
            niceness=options["niceness"],
            fit_steps=options["fit_steps"],
            model_path=options["model"],
        )

    return LocalProvider(
        engine(),
        engine,
        max_text_length=setup.max_text_length,
        sample_min_seconds=setup.sample_min_seconds,
        sample_max_seconds=setup.sample_max_seconds,
    )


class LocalProvider:
    name = "local"

    def __init__(
        self,
        engine: EngineProcess,
        fitter: Callable[[], EngineProcess],
        *,
        max_text_length: int,
        sample_min_seconds: int,
        sample_max_seconds: int,
    ) -> None:
        """`fitter` makes a process for one persistent clone: it takes long, and much memory, and ends with it.
        Lengths in characters and seconds, as the catalogue has them."""
        self._engine = engine
        self._fitter = fitter
        self._capabilities = Capabilities(
            supports_voice_cloning=find_spec("torch") is not None,
            supports_instant_clone=True,
            supports_streaming=True,
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

    def unavailable_reason(self) -> str | None:
        """It always can be: an engine that died starts again with the next call, which says so where it does not."""
        return None

    def is_ready(self) -> bool:
        """Whether the engine is loaded and answers at once. One that died while idle is started again: no call
        would, where calls are sent only to what is ready."""
        if self._engine.ready():
            return True
        if self._engine.pid is None:
            self._engine.start()
        return False

    def list_voices(self) -> list[StockVoice]:
        return [StockVoice(voice.id, voice.name, voice.language, voice.gender) for voice in stock_voice_list()]

    def check_text(self, text: str, language: str) -> list[str]:
        read = readable(text)
        try:
            check_alphabet(read, language)
        except TextNotSpeakable as error:
            raise _not_speakable(error) from error
        return _unspoken(read, language)

    def clone(
        self, sample: Audio, *, voice_id: str, quick: bool, progress: Progress, kept: Kept | None = None
    ) -> ClonedVoice:
        if quick:
            file = self._ask(lambda: self._engine.enrol(sample, quick=True))
        else:
            file = self._ask(lambda: self._fit(sample, progress, kept))
        return ClonedVoice(voice_id, CLONE_LANGUAGE, file)

    def _fit(self, sample: Audio, progress: Progress, kept: Kept | None) -> bytes:
        def tell(done: float, state: bytes) -> None:
            if state and kept is not None:
                kept.save(state)
            progress(done)

        with closing(self._fitter()) as process:
            return process.enrol(sample, tell=tell, saved=kept.load() if kept is not None else None)

    def speak(
        self,
        text: str,
        voice: VoiceRef,
        *,
        language: str,
        settings: VoiceSettings = NO_SETTINGS,
        early: bool = False,
        after: Place | None = None,
        client: str = "",
    ) -> Iterator[Piece]:
        speed = settings.get("speed", 1.0)
        # The engine shares its time between callers, chunk by chunk, so that a long text lets short calls pass.
        caller = object()
        chunks = self._plan(text, language, early=early, caller=caller)
        plan = _fingerprint(chunks)
        if after is not None and after["plan"] != plan:
            raise PlaceLost
        leveller = Leveller(Memory(after["energy"], after["blocks"]) if after is not None else None)
        source = voice.file if voice.file is not None else voice.provider_voice_id
        spoken = after["samples"] if after is not None else 0
        for number in range(after["next"] if after is not None else 0, len(chunks)):
            chunk = chunks[number]
            made = self._ask(
                lambda chunk=chunk, at=spoken: self._engine.speak(chunk, source, speed, at=at, caller=caller)  # type: ignore[misc]
            )
            pause = np.zeros(round(chunk.pause_after / speed * SAMPLE_RATE), np.float32)
            audio = np.concatenate([leveller.process(made), pause])
            spoken += audio.size
            yield Piece(
                audio,
                share=(number + 1) / len(chunks),
                place={"plan": plan, "next": number + 1, "samples": spoken, **asdict(leveller.memory)},
            )

    def _plan(self, text: str, language: str, *, early: bool, caller: object) -> list[Chunk]:
        return self._ask(lambda: self._engine.plan(text, language, first_short=early, caller=caller))

    def embed_each(self, clips: Sequence[Audio]) -> NDArray[np.float32]:
        """For each clip a unit vector that is near for two recordings of one speaker: for the check of samples."""
        return self._ask(lambda: self._engine.embed_each(clips))

    def delete(self, voice: VoiceRef) -> None:
        """The engine keeps nothing: a voice is the file that the gateway has."""

    def forget(self, voice_id: str) -> None:
        """Nor does it keep what was not finished."""

    def circuit(self) -> None:
        return None

    def start(self) -> None:
        self._engine.start()

    def close(self) -> None:
        self._engine.close()

    def _ask(self, call: Callable[[], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return call()
            except EngineUnavailable as error:
                if attempt == _ATTEMPTS:
                    raise ProviderUnavailable(
                        "The local engine does not answer. Nothing was charged; try again in a minute."
                    ) from error
            except EngineError as error:
                raise _as_ours(error) from error
        raise AssertionError("unreachable")


def _unspoken(text: str, language: str) -> list[str]:
    """One sentence that names the words that no voice of the engine reads."""
    words = [word if len(word) <= _WORD_SHOWN else f"{word[:_WORD_SHOWN]}…" for word in unspoken_words(text, language)]
    if not words:
        return []
    more = f" and {len(words) - _WORDS_SHOWN} more" if len(words) > _WORDS_SHOWN else ""
    return [f"Not spoken, in an alphabet that {language} voices can't read: {', '.join(words[:_WORDS_SHOWN])}{more}."]


def _missing_languages() -> dict[str, str]:
    return {
        code: f"It needs packages that are not installed here: `make eastasian`, or `pip install 'voxport[{code}]'`."
        for code in BY_MISAKI
        if code not in LANGUAGES
    }


def _fingerprint(chunks: list[Chunk]) -> str:
    """The same for the same chunks: another version of the engine may cut a text, or read its numbers, otherwise."""
    content = json.dumps([chunk.to_json() for chunk in chunks])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _as_ours(error: EngineError) -> VoxportError:
    if isinstance(error, TextNotSpeakable):
        return _not_speakable(error)
    if isinstance(error, SampleNotEnrollable):
        return SampleUnusable(str(error), details={"reason": "no_speaker"})
    if isinstance(error, VoiceFileError):
        return ProviderFailed(f"{error} Clone the voice again.")
    return ProviderFailed(str(error))


def _not_speakable(error: TextNotSpeakable) -> Invalid:
    return Invalid(str(error), location=("body", "text"), details={"spoken": list(error.spoken)})
