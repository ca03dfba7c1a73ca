"""Measures what is stored for a profile."""

from __future__ import annotations

from dataclasses import dataclass

from voxport.media.service import MediaService
from voxport.voices.service import VoiceService


@dataclass(frozen=True)
class StorageUsage:
    """Counts and bytes. The files of voices are their samples and the files that providers returned."""

    profile_id: str
    uploads: int
    upload_bytes: int
    speech: int
    speech_bytes: int
    voices: int
    voice_bytes: int


def storage_usage(profile_id: str, media: MediaService, voices: VoiceService) -> StorageUsage:
    files = media.totals(profile_id)
    speech, subtitles = files.get("speech", (0, 0)), files.get("subtitles", (0, 0))
    return StorageUsage(
        profile_id,
        *files.get("upload", (0, 0)),
        speech[0] + subtitles[0],
        speech[1] + subtitles[1],
        *voices.storage_usage(profile_id),
    )
