"""The result of a call of core-tts whose audio is a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from voxport.providers.base import SpokenWord


@dataclass(frozen=True)
class StoredFile:
    key: str
    url: str


@dataclass(frozen=True)
class SpeechResult:
    """`provider` spoke the text, the audio has `seconds`; amounts in micro-tokens. With `is_cached` the file is that of
    an earlier call, and nothing is billed; else `seconds` are."""

    url: str
    key: str
    provider: str
    seconds: Decimal
    cost: int
    balance: int
    is_cached: bool = False
    words: Sequence[SpokenWord] = ()
    """When each word is heard, if that was asked for."""
    subtitles: Mapping[str, StoredFile] = field(default_factory=dict)
    """By format."""

    @property
    def billed_seconds(self) -> Decimal:
        return Decimal(0) if self.is_cached else self.seconds
