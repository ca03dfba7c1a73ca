"""Names the sound of a line: two lines with one digest sound the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import voxport
from voxport.audio.loudness import CEILING_DBTP, TARGET_LUFS
from voxport.speech.preparation import Route
from voxport.speech.provider_versions import ProviderVersions

_LINE_VERSION: Final = 1
"""Raise it when the same line sounds different within one version of Voxport."""


class LineDigests:
    def __init__(self, provider_options: Callable[[str], Mapping[str, Any]]) -> None:
        """`provider_options` returns the settings of the provider with this name."""
        self._versions = ProviderVersions(provider_options)

    def of(self, profile_id: str, text: str, settings: Mapping[str, float], route: Route) -> str:
        """Return the SHA-256 of all that makes a line's sound: its text after pronunciations, the voice and which
        version of it, language, settings, and the version of the provider."""
        voice, document = route.voice, route.document
        named = [
            (name, one.voice_id, one.provider_voice_id, one.generation, one.file_key)
            for name, one in sorted(route.voices.items())
        ]
        facts = (
            *(_LINE_VERSION, voxport.__version__, TARGET_LUFS, CEILING_DBTP, profile_id),
            *(text if document is None else document.to_json(), route.language, sorted(settings.items())),
            *(voice.voice_id, voice.provider_voice_id, voice.generation, voice.file_key, named),
            *(voice.provider.name, self._versions.of(voice.provider)),
        )
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
