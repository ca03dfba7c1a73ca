"""The result of a call of core-tts whose audio is a file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


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

    @property
    def billed_seconds(self) -> Decimal:
        return Decimal(0) if self.is_cached else self.seconds
