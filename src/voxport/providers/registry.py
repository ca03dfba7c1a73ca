"""The providers by name, and the choice of one for a request."""

from __future__ import annotations

from collections.abc import Sequence

from voxport.errors import BadRequest, ProviderUnavailable
from voxport.providers.base import Provider


class Registry:
    def __init__(self, providers: Sequence[Provider], default: str | None) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._default = default

    def all(self) -> list[Provider]:
        return list(self._providers.values())

    def get(self, name: str) -> Provider:
        return self._providers[name]

    def default_name(self) -> str:
        """The provider of a request that names none: the setting's, else ElevenLabs where it can be used."""
        if self._default is not None:
            return self._default
        usable = self.get("elevenlabs").unavailable_reason() is None
        return "elevenlabs" if usable else "local"

    def require_available(self, name: str) -> Provider:
        """Raises ProviderUnavailable, with the reason."""
        provider = self.get(name)
        reason = provider.unavailable_reason()
        if reason is not None:
            raise ProviderUnavailable(f"The provider {name} can't be used: {reason}.")
        return provider

    def require_cloning(self, name: str, *, instant: bool) -> Provider:
        """A provider that is up and clones. Raises ProviderUnavailable, BadRequest."""
        provider = self.require_available(name)
        capabilities = provider.capabilities()
        can = capabilities.supports_instant_clone if instant else capabilities.supports_voice_cloning
        if not can:
            what = "make instant clones" if instant else "clone voices"
            raise BadRequest(
                f"The provider {name} can't {what}. GET /v1/proxy/core-tts-voices says what each provider can do.",
                code="provider_cannot_clone",
            )
        return provider

    def start(self) -> None:
        for provider in self.all():
            provider.start()

    def close(self) -> None:
        for provider in self.all():
            provider.close()
