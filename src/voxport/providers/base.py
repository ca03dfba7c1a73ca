"""The interface of a provider: it clones a voice from a sample, and speaks text with a voice.

A provider knows nothing of our HTTP API, billing or database. It raises subclasses of `voxport.errors.ProviderError`,
which are classified by what the caller can do, and `Invalid` for a text that it can't speak.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voxport.audio.arrays import SAMPLE_RATE as SAMPLE_RATE
from voxport.errors import Invalid, ProviderFailed
from voxport.providers.slots import LocalSlots, SlotPools
from voxport.text.reading import ReadSentence
from voxport.text.sentences import clean_text, split_sentences
from voxport.text.ssml.document import Document

Audio = NDArray[np.float32]
"""Mono samples at SAMPLE_RATE, full scale at ±1."""

ProgressCallback = Callable[[float], None]
"""Called with the progress of the work, from 0 to 1. It may raise to stop the work."""


VoiceSettings = Mapping[str, float]
"""The requested values of `stability`, `similarity_boost`, `style` (0 to 1) and `speed` (0.5 to 2), by name."""


@dataclass(frozen=True)
class SlotUsage:
    """The calls that run at a hosted provider and that wait for their turn in this process, and the limit."""

    running: int
    waiting: int
    limit: int


Circuit = Literal["closed", "open", "half_open"]
"""`open`: the provider failed repeatedly and gets no calls for a while; `half_open`: one trial call is allowed."""


class Checkpoint(Protocol):
    """Stores the state of work that takes minutes, so that it can resume after a kill."""

    def load(self) -> bytes | None: ...

    def save(self, state: bytes) -> None: ...


ResumeToken = dict[str, Any]
"""The position at which a piece of speech ends, as JSON that only the provider reads."""


class ResumeTokenInvalid(Exception):
    """Speech can't resume from this position, because the text would now be split differently. Start again."""


@dataclass(frozen=True)
class Utterance:
    """A text and how to speak it, for any voice."""

    text: str
    language: str
    """One of the languages in the provider's capabilities."""
    settings: VoiceSettings = field(default_factory=dict)
    """Only settings that the provider's capabilities name."""
    low_latency: bool = False
    """Ask for a short first piece, for a client that is already listening."""
    resume_from: ResumeToken | None = None
    """Resume after an earlier piece of the same utterance."""
    client: str = ""
    """The client for whom the provider's call slots are shared fairly."""
    document: Document | None = None
    """How the text is read, where it has markup or pronunciations: then it is spoken in place of `text`."""
    voices: Mapping[str, VoiceRef] = field(default_factory=dict)
    """The voices that the document names."""
    with_words: bool = False
    """Ask for the times of the words; only where the capabilities have them."""

    @property
    def speed(self) -> float:
        """The requested speed, 1.0 by default."""
        return self.settings.get("speed", 1.0)


@dataclass(frozen=True)
class SpokenWord:
    """A word of the text, from its character `start_char` to before `end_char`, heard from `start` to `end` in seconds
    of its piece. `sentence` is the number of its sentence in the text."""

    start_char: int
    end_char: int
    sentence: int
    start: float
    end: float


@dataclass(frozen=True)
class Piece:
    """The audio of a part of a text. It joins the next piece without gap or click. `progress` is the share of the text
    (0 to 1) spoken after this piece. An utterance with this `resume_token` continues after the piece. A piece without
    audio means that `speak` is still waiting, so that the consumer can check whether its client is still there."""

    audio: Audio
    progress: float
    resume_token: ResumeToken
    is_resumable: bool = True
    """False inside a paid call: speech can't resume after this piece, and the pieces up to the next resumable one
    belong together."""
    words: tuple[SpokenWord, ...] = ()
    """The words that are spoken in this piece, if the utterance asks for them."""


RelayFormat = Literal["pcm", "mp3"]
"""`pcm` is s16le, mono, at SAMPLE_RATE."""


@dataclass(frozen=True)
class RelayedAudio:
    """A piece of encoded audio as the provider sent it, and its seconds. One without bytes means that the provider is
    still being waited for, as a Piece without audio does."""

    content: bytes = field(repr=False)
    seconds: float
    is_last: bool = False


@dataclass(frozen=True)
class Capabilities:
    """What a provider supports. Text lengths in characters, sample lengths in seconds."""

    supports_voice_cloning: bool
    supports_instant_clone: bool
    supports_streaming: bool
    languages: tuple[str, ...]
    clone_language: str
    """The language that a clone speaks if a request names none."""
    max_text_length: int
    voice_settings: tuple[str, ...] = ()
    """The subset of `stability`, `similarity_boost`, `style` and `speed` that it supports."""
    sample_min_seconds: int = 3
    sample_max_seconds: int = 60
    is_hosted: bool = False
    """Whether the work is done and billed by a remote service. The outcome of a call may then stay unknown, and a voice
    that the service stores may disappear. A voice of a provider that is not hosted is the file that it returned."""
    missing_languages: Mapping[str, str] = field(default_factory=dict)
    """Languages (two letters) that need packages which are not installed, each with a sentence that names them."""
    markup_tags: tuple[str, ...] = ()
    """The tags of SSML that it honours."""
    reads_documents: bool = False
    """Whether it speaks the `document` of an utterance. Else the gateway makes a text of it, with `pause_markup`."""
    supports_timestamps: bool = False
    """Whether it knows when each word is spoken."""
    unused_days: float | None = None
    """Days after which the provider deletes an unused clone; None for never."""


@dataclass(frozen=True)
class StockVoice:
    """A voice that the provider offers to every profile."""

    voice_id: str
    name: str
    language: str
    gender: str | None


@dataclass(frozen=True)
class VoiceRef:
    """A voice to speak with. `file` is what `clone` returned, if the provider doesn't store its clones."""

    provider_voice_id: str
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ClonedVoice:
    """The result of cloning. The gateway stores `file` and passes it to every `speak`."""

    provider_voice_id: str
    language: str
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class VoiceDesign:
    """What a mix is to sound like beside its parts: `pitch` in semitones above their mean, `rate` as a factor on
    theirs, and `tone` from -1 (dark) to 1 (bright). Without a `language` it has that of the heaviest part."""

    pitch: float = 0.0
    rate: float = 1.0
    tone: float = 0.0
    language: str | None = None


@dataclass(frozen=True)
class ProviderConfig:
    """The configuration of a provider. `tag` distinguishes this gateway's voices from others in the same account.
    Lengths are in characters and seconds, from the catalogue. `options` are the operator's settings for the provider,
    by their names without `VOXPORT_` and the provider's name."""

    tag: str
    max_text_length: int
    sample_min_seconds: int
    sample_max_seconds: int
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    slots: SlotPools = field(default_factory=LocalSlots, repr=False)
    """Shares the limit of concurrent calls between the gateway's processes."""


class Provider(ABC):
    """The base class of every provider. `name` is the name of its entry point. Several threads may call it at once. The
    default methods suit a provider that has no stock voices, no account and nothing to close, and that returns a file
    for each clone."""

    name: str

    @abstractmethod
    def capabilities(self) -> Capabilities: ...

    def unavailable_reason(self) -> str | None:
        """Why the provider can't be used now; None if it can."""
        return None

    def list_voices(self) -> list[StockVoice]:
        """The stock voices."""
        return []

    def check_text(self, text: str, language: str) -> Sequence[str] | None:
        """Check a text without synthesis. Raises Invalid if it can't be spoken in the language; by default, if it has
        no letter or digit. Returns a sentence for each thing that will not be spoken, for the `warnings` of the
        response; an empty list or None if everything will be."""
        if not any(character.isalnum() for character in clean_text(text)):
            raise Invalid("The text has nothing that can be spoken.", location=("body", "text"))
        return None

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        """Clone a voice from a sample. `instant` is for a single use while the caller waits. `voice_id` is an
        idempotency key: called again with the same one, the provider creates no second voice. Work that can be stopped
        calls `on_progress` at least twice a second. Raises SlotsFull, OutcomeUnknown and other ProviderErrors. Not
        called if the capabilities exclude cloning."""
        raise ProviderFailed(f"The provider {self.name} can't clone voices.")

    def mix_voices(self, parts: Sequence[tuple[VoiceRef, float]], design: VoiceDesign, *, voice_id: str) -> ClonedVoice:
        """Make a voice of several, each with its weight. Raises Invalid if they can't be mixed so, and ProviderErrors.
        Not called for a hosted provider."""
        raise ProviderFailed(f"The provider {self.name} can't mix voices.")

    def wait_for_creation(self, voice_id: str) -> None:  # noqa: B027  # there is nothing to wait for
        """Called before `clone` if another process, which died or was cut off, may have begun the same clone: returns
        as soon as `clone` would find its voice, or as soon as it is certain that it has created none."""

    @abstractmethod
    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        """Speak the utterance in the voice, at −18 LUFS. Yields each piece as it is synthesized. Raises
        ResumeTokenInvalid if it can't resume from the token, VoiceLost, OutcomeUnknown and other ProviderErrors."""

    def read(self, utterance: Utterance) -> list[ReadSentence]:
        """Return how `speak` would read each sentence, without speaking: by default, what is sent, and no phonemes.
        Raises as `check_text` does, and ProviderErrors."""
        spoken = utterance.text if utterance.document is None else utterance.document.read_text()
        return [
            ReadSentence(sentence, sentence, None)
            for paragraph in clean_text(spoken).split("\n\n")
            for line in paragraph.split("\n")
            for sentence in split_sentences(line, "en-us")
        ]

    def pause_markup(self, seconds: float) -> str:
        """Return what a text has for a pause, by default nothing. Only used if `break` is among the markup tags."""
        return ""

    def can_relay(self, utterance: Utterance, audio_format: RelayFormat) -> bool:
        """Whether `relay` can speak this utterance."""
        return False

    def relay(self, voice: VoiceRef, utterance: Utterance, audio_format: RelayFormat) -> Iterator[RelayedAudio]:
        """Speak the utterance and yield the audio as the service encodes it, at its own loudness. Raises as `speak`
        does; VoiceLost only before the first piece. Not called if `can_relay` says no."""
        raise ProviderFailed(f"The provider {self.name} can't pass its audio on.")

    def speech_version(self) -> str | None:
        """What decides how speech sounds beside voice and utterance: the model and the service. Speech of another
        version is never given out again in place of new one. None: any change of the provider's settings counts as
        another version."""
        return None

    def delete(self, voice: VoiceRef) -> None:  # noqa: B027  # the provider stores nothing
        """Delete a clone at the provider. It is no error if the clone does not exist."""

    def forget(self, voice_id: str) -> None:  # noqa: B027
        """Delete what `clone` created, or may have created, with this `voice_id` when its response was lost."""

    def circuit(self) -> Circuit | None:
        """The state of a hosted provider's circuit breaker, without a request; None for other providers."""
        return None

    def slot_usage(self) -> SlotUsage | None:
        """The use of the slots for paid calls; None for a provider that limits none."""
        return None

    def start(self) -> None:  # noqa: B027
        """Start warming up, without blocking."""

    def close(self) -> None:  # noqa: B027
        """Close processes and connections."""
