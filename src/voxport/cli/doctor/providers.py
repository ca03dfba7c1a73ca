"""Checks of the providers: whether the keys that are set work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from voxport.cli.doctor.findings import CheckResult, failed, ok, warning

if TYPE_CHECKING:
    from voxport.settings import Settings

_HOSTED: Final = ("elevenlabs", "minimax")


def check_providers(settings: Settings) -> Iterator[CheckResult]:
    """Ask each hosted provider whose key is set, for free. A provider that can't be used stops no other, so that is a
    warning, unless it is the default one."""
    from voxport.providers.base import ProviderConfig
    from voxport.providers.names import installed_providers
    from voxport.providers.registry import open_provider

    for name, entry_point in installed_providers().items():
        if name == "local":
            continue
        is_set = name not in _HOSTED or getattr(settings, f"{name}_api_key") is not None
        variable = f"VOXPORT_{name.upper()}_API_KEY"
        if not is_set:
            if settings.default_provider == name:
                yield failed(name, "it is VOXPORT_DEFAULT_PROVIDER, and has no key", f"Set {variable}.")
            else:
                yield ok(name, f"not set up; {variable} would")
            continue
        config = ProviderConfig(
            "doctor",
            max_text_length=5_000,
            sample_min_seconds=3,
            sample_max_seconds=60,
            options=settings.options_of(name),
        )
        provider = open_provider(name, entry_point, config)
        try:
            reason = provider.unavailable_reason()
        finally:
            provider.close()
        if reason is None:
            yield ok(name, "it takes the key")
            continue
        found = failed if settings.default_provider == name else warning
        yield found(name, f"it can't be used: {reason}", f"Check {variable} and VOXPORT_{name.upper()}_BASE_URL.")
