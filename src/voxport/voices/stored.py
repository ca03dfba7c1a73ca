"""What is stored for a profile."""

from __future__ import annotations

from dataclasses import dataclass

from voxport.media.service import MediaService
from voxport.voices.service import Voices


@dataclass(frozen=True)
class Stored:
    """Counts, and bytes. The files of voices are their samples and what a provider gave for them."""

    profile_id: str
    uploads: int
    upload_bytes: int
    speech: int
    speech_bytes: int
    voices: int
    voice_bytes: int


def stored(profile_id: str, media: MediaService, voices: Voices) -> Stored:
    files = media.stored(profile_id)
    return Stored(profile_id, *files.get("upload", (0, 0)), *files.get("speech", (0, 0)), *voices.stored(profile_id))
