"""Names what a provider's speech depends on beside the request: its weights, or the settings it was opened with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from voxport.providers.base import Provider


class ProviderVersions:
    def __init__(self, provider_options: Callable[[str], Mapping[str, Any]]) -> None:
        """`provider_options` returns the settings of the provider with this name."""
        self._provider_options = provider_options
        self._options_digests: dict[str, str] = {}

    def of(self, provider: Provider) -> str:
        """Return the provider's own version, else a digest of its settings."""
        version = provider.speech_version()
        if version is not None:
            return version
        digest = self._options_digests.get(provider.name)
        if digest is None:
            options = json.dumps(sorted(self._provider_options(provider.name).items()), default=str)
            digest = self._options_digests[provider.name] = hashlib.sha256(options.encode()).hexdigest()
        return digest
