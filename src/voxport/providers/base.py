"""What a provider is: it clones a voice from a sample, and speaks text with a voice.

A provider knows nothing of HTTP, money or the database. It raises `voxport.errors.ProviderError`s, sorted by what
the caller can do, and `Invalid` for a text that it can't speak.
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
from voxport.text.sentences import clean_text

Audio = NDArray[np.float32]
"""Mono samples at SAMPLE_RATE, full scale at ±1."""

ProgressCallback = Callable[[float], None]
"""Told how far the work is, from 0 to 1. It may raise to stop the work."""


VoiceSettings = Mapping[str, float]
"""What was asked for of `stability`, `similarity_boost`, `style` (0 to 1) and `speed` (0.5 to 2), by name."""

Circuit = Literal["closed", "open", "half_open"]
"""`open`: the provider failed again and again, and is left alone for a while; `half_open`: one call tries it."""


class Checkpoint(Protocol):
    """Where work of minutes keeps its state, so that it goes on from there after a kill."""

    def load(self) -> bytes | None: ...

    def save(self, state: bytes) -> None: ...


ResumeToken = dict[str, Any]
"""Where a piece of speech ends, as JSON that only the provider reads."""


class ResumeTokenInvalid(Exception):
    """Speech can't go on behind this place: the text would be cut in other pieces now. Begin again."""


@dataclass(frozen=True)
class Utterance:
    """A text and how to speak it, for any voice."""

    text: str
    language: str
    """One of the capabilities'."""
    settings: VoiceSettings = field(default_factory=dict)
    """Of those that the capabilities name."""
    low_latency: bool = False
    """Ask for a short first piece: somebody listens already."""
    resume_from: ResumeToken | None = None
    """Go on behind a piece of the same utterance that was made earlier."""
    client: str = ""
    """Who gets a fair share of the provider's calls."""

    @property
    def speed(self) -> float:
        """1.0 where none is asked for."""
        return self.settings.get("speed", 1.0)


@dataclass(frozen=True)
class Piece:
    """A stretch of a text, spoken: it joins the next one without gap or click. `progress` of the text (0 to 1) is
    spoken with it; an utterance that resumes from its `resume_token` goes on behind it. One without audio says that
    `speak` still waits, so that whoever reads can see whether somebody listens."""

    audio: Audio
    progress: float
    resume_token: ResumeToken
    is_resumable: bool = True
    """False inside of a paid call: nothing can go on behind its place, and the pieces up to the next one that is True
    belong together."""


@dataclass(frozen=True)
class Capabilities:
    """What clients check before they send a request. Lengths in characters, sample lengths in seconds."""

    supports_voice_cloning: bool
    supports_instant_clone: bool
    supports_streaming: bool
    languages: tuple[str, ...]
    clone_language: str
    """The language that a clone speaks where a request names none."""
    max_text_length: int
    voice_settings: tuple[str, ...] = ()
    """What it uses of `stability`, `similarity_boost`, `style` and `speed`."""
    sample_min_seconds: int = 3
    sample_max_seconds: int = 60
    is_hosted: bool = False
    """Its work is done, and billed, elsewhere: what became of a call may never be known, and a voice that it keeps may
    be gone one day. A voice of one that is not hosted is the file that it gave."""
    missing_languages: Mapping[str, str] = field(default_factory=dict)
    """Languages (two letters) that it would speak with more installed, each with the sentence that says what."""
    unused_days: float | None = None
    """Days after which it deletes a clone that nobody speaks with; None: it never does."""


@dataclass(frozen=True)
class StockVoice:
    """A voice that the provider brings along, for every profile."""

    voice_id: str
    name: str
    language: str
    gender: str | None


@dataclass(frozen=True)
class VoiceRef:
    """A voice to speak with. `file` is what the provider gave for a clone that it doesn't keep itself."""

    provider_voice_id: str
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ClonedVoice:
    """What cloning gave. `file` is kept by the gateway and handed back with every `speak`."""

    provider_voice_id: str
    language: str
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ProviderConfig:
    """What a provider is opened with. `tag` tells this gateway's voices from others' in the same account; lengths in
    characters and seconds, as the catalogue has them; `options` are the operator's settings for it, by their names
    without `VOXPORT_` and the provider's own."""

    tag: str
    max_text_length: int
    sample_min_seconds: int
    sample_max_seconds: int
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Provider(ABC):
    """The base class of every provider. `name` is that of its entry point. Several threads may call it at once. The
    defaults are those of a provider without voices of its own, an account or anything to close, which gives a file for
    a clone."""

    name: str

    @abstractmethod
    def capabilities(self) -> Capabilities: ...

    def unavailable_reason(self) -> str | None:
        """Why the provider can't be asked now; None where it can."""
        return None

    def list_voices(self) -> list[StockVoice]:
        """The stock voices."""
        return []

    def check_text(self, text: str, language: str) -> Sequence[str] | None:
        """Raises Invalid where the text can't be spoken in the language: here, where none of it is a letter or a digit.
        Gives a sentence for each thing in it that will not be spoken, for the `warnings` of the answer; none or None
        where all will be. Costs no synthesis."""
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
        """A voice from a sample. `instant` is for a single use, where the caller waits. `voice_id` is the gateway's
        name for this making: called again with the same one, the provider makes no second voice. `on_progress` is
        called at least twice a second by work that can be stopped. Raises SlotsFull, OutcomeUnknown and the others. Not
        called where the capabilities name no cloning."""
        raise ProviderFailed(f"The provider {self.name} can't clone voices.")

    @abstractmethod
    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        """The utterance in the voice, piece by piece as it is made, at −18 LUFS. Raises ResumeTokenInvalid where it
        can't go on from there, VoiceLost, OutcomeUnknown and
        the others."""

    def delete(self, voice: VoiceRef) -> None:  # noqa: B027  # nothing is kept at the provider
        """Remove a clone at the provider; one that is gone already is no error."""

    def forget(self, voice_id: str) -> None:  # noqa: B027
        """Remove what `clone` made, or may have made, under this name: its answer was lost."""

    def circuit(self) -> Circuit | None:
        """How a hosted provider does, without asking it; None where there is nothing that could break."""
        return None

    def start(self) -> None:  # noqa: B027
        """Get warm, without waiting."""

    def close(self) -> None:  # noqa: B027
        """Give back processes and connections."""
