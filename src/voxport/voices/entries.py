"""Describes voices as clients see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from voxport.providers.base import Provider, StockVoice
from voxport.providers.ids import is_stock_id
from voxport.voices.models import Voice


@dataclass(frozen=True)
class VoiceEntry:
    """A voice as a client sees it. `gender` and `created_at` are None if unknown."""

    voice_id: str
    name: str
    provider: str
    language: str
    gender: str | None
    cloned: bool
    created_at: datetime | None
    description: str = ""
    tags: list[str] = field(default_factory=list)
    kind: Literal["stock", "clone", "mix"] = "stock"
    recipe: dict[str, Any] | None = None
    """How a mix was made: its `mix`, `pitch`, `rate` and `tone`."""
    pronunciations: list[str] = field(default_factory=list)


def entries_of(voice: Voice) -> list[VoiceEntry]:
    return [
        VoiceEntry(
            voice_id=voice.id,
            name=voice.name,
            provider=binding.provider,
            language=voice.language,
            gender=None,
            cloned=True,
            created_at=voice.created_at,
            description=voice.description,
            tags=voice.tags,
            kind="clone" if voice.recipe is None else "mix",
            recipe=voice.recipe,
            pronunciations=voice.pronunciations or [],
        )
        for binding in voice.bindings
    ]


def stock_voices_of(provider: Provider) -> list[StockVoice]:
    """List a provider's stock voices, without those whose ids are invalid."""
    return [voice for voice in provider.list_voices() if is_stock_id(voice.voice_id)]


def stock_entry(provider: Provider, voice: StockVoice) -> VoiceEntry:
    return VoiceEntry(
        voice_id=voice.voice_id,
        name=voice.name,
        provider=provider.name,
        language=voice.language,
        gender=voice.gender,
        cloned=False,
        created_at=None,
    )


def matches_language(language: str, wanted: str | None) -> bool:
    return wanted is None or language == wanted.lower() or language.split("-")[0] == wanted.lower()
