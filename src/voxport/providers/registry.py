"""Opens providers from entry points, and selects providers for a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import cast

from voxport.errors import BadRequest, ProviderUnavailable, SampleUnusable
from voxport.providers.base import SAMPLE_RATE, Audio, Provider, ProviderConfig
from voxport.providers.failover import all_that_can
from voxport.providers.names import AUTO
from voxport.providers.unavailable import UnavailableProvider

_log = logging.getLogger("voxport.providers")


def open_provider(name: str, point: EntryPoint, config: ProviderConfig) -> Provider:
    """Open the provider of an entry point. If that fails, return an UnavailableProvider with the reason."""
    try:
        provider = cast(Callable[[ProviderConfig], Provider], point.load())(config)
    except ModuleNotFoundError as error:
        why = f"it needs the module {error.name}, which is not installed (as a rule: pip install {error.name})"
        return UnavailableProvider(name, why)
    except Exception:
        _log.exception("a provider could not be opened", extra={"provider": name})
        return UnavailableProvider(name, "it could not be opened; the log says why")
    if provider.name != name:  # it would replace another provider
        provider.close()
        return UnavailableProvider(name, f"its entry point is called {name}, and it calls itself {provider.name}")
    return provider


def require_sample_length(provider: Provider, sample: Audio) -> None:
    """Raises SampleUnusable if the recording is shorter than the provider accepts."""
    seconds, min_seconds = sample.size / SAMPLE_RATE, provider.capabilities().sample_min_seconds
    if seconds < min_seconds:
        raise SampleUnusable(
            f"The provider {provider.name} needs a recording of {min_seconds} s at least, and this one has "
            f"{seconds:.1f} s. "
            "Send a longer one, or use another provider.",
            details={"reason": "too_short", "duration_seconds": round(seconds, 1), "provider": provider.name},
        )


class Registry:
    """The providers by name. `order` is the order of `auto`: the names of the providers to try, the best first."""

    def __init__(self, providers: Sequence[Provider], default: str | None, order: Sequence[str] = ()) -> None:
        self._providers: Mapping[str, Provider] = {provider.name: provider for provider in providers}
        self._default = default
        self._order = tuple(order) or tuple(self._providers)

    def all(self) -> list[Provider]:
        return list(self._providers.values())

    def get(self, name: str) -> Provider:
        """Return a provider. Raises ProviderUnavailable if it is not, or no longer, installed."""
        provider = self._providers.get(name)
        if provider is None:
            raise ProviderUnavailable(f"The provider {name} can't be used: it is not installed.")
        return provider

    def default_name(self) -> str:
        """The provider of a request that names none: from the setting, else ElevenLabs if available, else local."""
        if self._default is not None:
            return self._default
        usable = self.get("elevenlabs").unavailable_reason() is None
        return "elevenlabs" if usable else "local"

    def candidates(self, choice: str | None) -> list[str]:
        """The names that a request's `provider` selects, in the order in which they are tried."""
        if choice == AUTO:
            return [name for name in self._order if name in self._providers]
        return [choice or self.default_name()]

    def require_available(self, name: str) -> Provider:
        """Return a provider. Raises ProviderUnavailable, with the reason, if it can't be used."""
        provider = self.get(name)
        reason = provider.unavailable_reason()
        if reason is not None:
            raise ProviderUnavailable(f"The provider {name} can't be used: {reason}.", details={"provider": name})
        return provider

    def require_cloning(self, name: str, *, instant: bool) -> Provider:
        """Return a provider that is available and can clone. Raises ProviderUnavailable, BadRequest."""
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

    def require_cloners(self, choice: str | None, *, instant: bool) -> list[Provider]:
        """Return the candidates that are available and can clone. If none is, raises the first one's error."""
        return all_that_can(self.candidates(choice), lambda name: self.require_cloning(name, instant=instant))

    def start(self) -> None:
        for provider in self.all():
            provider.start()

    def close(self) -> None:
        for provider in self.all():
            provider.close()
