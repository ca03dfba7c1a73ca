"""A provider that can't be used, because it has no key or its package does not load."""

from __future__ import annotations

from collections.abc import Iterator

from voxport.errors import ProviderUnavailable
from voxport.providers.base import (
    Audio,
    Capabilities,
    Checkpoint,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    Utterance,
    VoiceRef,
)

_UNKNOWN = Capabilities(
    supports_voice_cloning=False,
    supports_instant_clone=False,
    supports_streaming=False,
    languages=(),
    clone_language="en",
    max_text_length=5_000,
)


class UnavailableProvider(Provider):
    """Raises ProviderUnavailable (503) for all work. `reason` continues "The provider … can't be used: "."""

    def __init__(self, name: str, reason: str, capabilities: Capabilities = _UNKNOWN) -> None:
        self.name = name
        self._reason = reason
        self._capabilities = capabilities

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def unavailable_reason(self) -> str | None:
        return self._reason

    def check_text(self, text: str, language: str) -> None:
        raise self._unavailable()

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        raise self._unavailable()

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        raise self._unavailable()

    def delete(self, voice: VoiceRef) -> None:
        raise self._unavailable()

    def forget(self, voice_id: str) -> None:
        raise self._unavailable()

    def _unavailable(self) -> ProviderUnavailable:
        return ProviderUnavailable(f"The provider {self.name} can't be used: {self._reason}.")
