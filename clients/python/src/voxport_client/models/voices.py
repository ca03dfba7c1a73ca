"""Voices and providers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from voxport_client.models.base import Model
from voxport_client.models.names import VoiceKind


@dataclass(frozen=True, kw_only=True)
class MixPart(Model):
    """A voice of a mix and how much of it is heard, compared with the other weights."""

    voice_id: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Recipe(Model):
    """How a mix was made: `pitch` in semitones, `rate` a factor, `tone` from -1 (dark) to 1 (bright)."""

    mix: list[MixPart]
    pitch: float
    rate: float
    tone: float


@dataclass(frozen=True, kw_only=True)
class Voice(Model):
    """A voice that can speak. `cloned`: it is your own, a clone or a mix; else it is a provider's stock voice. `kind`
    is `stock`, `clone` or `mix`; a mix has its `recipe`."""

    voice_id: str
    name: str
    provider: str
    language: str
    gender: str | None
    cloned: bool
    preview_url: str | None
    created_at: datetime | None
    kind: VoiceKind
    recipe: Recipe | None


@dataclass(frozen=True, kw_only=True)
class VoiceDetail(Voice):
    """A voice with its owner's notes."""

    description: str
    pronunciations: list[str] = field(default_factory=list)
    tags: list[str]


@dataclass(frozen=True, kw_only=True)
class SampleLimits(Model):
    """How long the speech in a recording must be, and how much of it is used, in seconds."""

    min_seconds: int
    max_seconds: int


@dataclass(frozen=True, kw_only=True)
class Provider(Model):
    """What a provider can do. `reason` says why it is not available."""

    provider: str
    available: bool
    default: bool
    reason: str | None
    supports_voice_cloning: bool
    supports_instant_clone: bool
    supports_streaming: bool
    languages: list[str]
    max_text_length: int
    voice_settings: list[str]
    sample: SampleLimits
    markup_tags: list[str] = field(default_factory=list)
    supports_timestamps: bool = False


@dataclass(frozen=True, kw_only=True)
class VoiceList(Model):
    """The voices, and all providers. `warnings` names the providers that could not be asked."""

    providers: list[Provider]
    voices: list[Voice]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class DeletedVoice(Model):
    """`left` names what could not be removed at a provider."""

    voice_id: str
    left: list[str]
    deleted: bool = True
