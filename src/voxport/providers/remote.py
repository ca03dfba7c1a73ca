"""The two hosted providers, by name: this version lists what they can do and can't talk to them yet."""

from __future__ import annotations

from collections.abc import Iterator

from voxport.errors import ProviderUnavailable
from voxport.providers.base import Audio, Capabilities, ClonedVoice, Kept, Piece, Place, Progress, StockVoice, VoiceRef


class UnavailableProvider:
    """A provider that is known and can't be asked: everything but its description is 503."""

    def __init__(self, name: str, title: str, capabilities: Capabilities) -> None:
        self._name = name
        self._title = title
        self._capabilities = capabilities

    @property
    def name(self) -> str:
        return self._name

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def unavailable_reason(self) -> str | None:
        return f"this version of Voxport can't talk to {self._title} yet"

    def list_voices(self) -> list[StockVoice]:
        return []

    def check_text(self, text: str, language: str) -> None:
        raise self._unavailable()

    def clone(
        self, sample: Audio, *, voice_id: str, quick: bool, progress: Progress, kept: Kept | None = None
    ) -> ClonedVoice:
        raise self._unavailable()

    def speak(
        self,
        text: str,
        voice: VoiceRef,
        *,
        language: str,
        speed: float = 1.0,
        early: bool = False,
        after: Place | None = None,
    ) -> Iterator[Piece]:
        raise self._unavailable()

    def delete(self, voice: VoiceRef) -> None:
        raise self._unavailable()

    def start(self) -> None:
        return None

    def close(self) -> None:
        return None

    def _unavailable(self) -> ProviderUnavailable:
        return ProviderUnavailable(f"The provider {self._name} can't be used: {self.unavailable_reason()}.")


def elevenlabs() -> UnavailableProvider:
    return UnavailableProvider(
        "elevenlabs",
        "ElevenLabs",
        Capabilities(
            supports_voice_cloning=True,
            supports_instant_clone=True,
            supports_streaming=True,
            languages=("en", "de", "fr", "es", "it", "pt", "pl", "hi", "ja", "zh", "ko", "ar"),
            clone_language="en",
            max_text_length=10_000,
            voice_settings=("stability", "similarity_boost", "style", "speed"),
        ),
    )


def minimax() -> UnavailableProvider:
    return UnavailableProvider(
        "minimax",
        "MiniMax",
        Capabilities(
            supports_voice_cloning=True,
            supports_instant_clone=True,
            supports_streaming=True,
            languages=("en", "zh", "de", "fr", "es", "it", "pt", "ja", "ko", "ar"),
            clone_language="en",
            max_text_length=10_000,
            voice_settings=("speed",),
            sample_min_seconds=10,
        ),
    )
