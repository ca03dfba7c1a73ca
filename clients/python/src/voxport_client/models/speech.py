"""Speech, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from voxport_client.models.base import Model


@dataclass(frozen=True, kw_only=True)
class SpeechTimestamp(Model):
    """When a word or a sentence is heard: `start` and `end` in seconds of the file, and its characters in the text as
    it was sent."""

    text: str
    start: float
    end: float
    start_char: int
    end_char: int


@dataclass(frozen=True, kw_only=True)
class UsedDictionary(Model):
    """A pronunciation dictionary that spoke, and which of its versions."""

    id: str
    version: int


@dataclass(frozen=True, kw_only=True)
class SubtitleFile(Model):
    """`url` reads the file without a key for a day; it is None once the file was deleted."""

    url: str | None
    key: str


@dataclass(frozen=True, kw_only=True)
class Subtitles(Model):
    """The subtitle files beside an audio file, of those formats that were asked for."""

    srt: SubtitleFile | None = None
    vtt: SubtitleFile | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechFile(Model):
    """A file of speech in the gateway's storage. `url` reads it without a key for a day; it is None once the file was
    deleted. `media.get(key)` gives a fresh one. `language` is what a named language was taken for."""

    url: str | None
    key: str
    folder_id: str | None
    provider: str
    voice_id: str
    duration_seconds: float
    cloned_voice_id: None = None
    language: str | None = None
    warnings: list[str] = field(default_factory=list)
    pronunciations: list[UsedDictionary] = field(default_factory=list)
    timestamps: list[SpeechTimestamp] | None = None
    subtitles: Subtitles | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechUsage(Model):
    """What was used: `units` of `unit_type`, which is `second` or `item`."""

    units: float
    unit_type: str


@dataclass(frozen=True, kw_only=True)
class SpeechCost(Model):
    """What was charged: `tokens`; `balance` is what is left."""

    units: float
    unit_price: Decimal
    tokens: Decimal
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Spoken(Model):
    """The response of core-tts whose audio is a file."""

    data: SpeechFile
    usage: SpeechUsage
    cost: SpeechCost


@dataclass(frozen=True, kw_only=True)
class Estimate(Model):
    """What a text comes to as a rule (`units`, `tokens`), and the most that it can cost (`held`)."""

    service: str
    unit_type: str
    unit_price: Decimal
    units: float
    tokens: Decimal
    held: Decimal
    language: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PreviewSentence(Model):
    """A sentence as it was written (`text`), as it is read (`spoken`), and its sounds in IPA; None where only the
    provider knows them."""

    text: str
    spoken: str
    phonemes: str | None


@dataclass(frozen=True, kw_only=True)
class TextPreview(Model):
    """How a text will be read, and what it would cost."""

    spoken: str
    phonemes: str | None
    sentences: list[PreviewSentence]
    provider: str
    voice_id: str
    language: str
    estimate: Estimate
    warnings: list[str] = field(default_factory=list)
    pronunciations: list[UsedDictionary] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class InstantSpeech:
    """One text in the voice of a recording: `audio` is a WAV file, mono, 16 bit, 24 kHz."""

    audio: bytes = field(repr=False)
    voice_id: str
    provider: str
    text_length: int
    units: float
    tokens: Decimal
    balance: Decimal
    warnings: list[str]
    request_id: str | None
    idempotency_key: str

    def save(self, path: str | Path) -> Path:
        """Write the audio to a file, and return its path."""
        path = Path(path)
        path.write_bytes(self.audio)
        return path
