"""The files of a call of core-tts: its audio, and the subtitles beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import AudioFormat, encode_file
from voxport.media.names import speech_type, subtitles_key
from voxport.media.service import MediaService
from voxport.providers.base import SpokenWord
from voxport.speech.subtitles import SubtitleFormat, max_subtitles_bytes, subtitles
from voxport.storage.base import Storage
from voxport.text.ssml.document import Document


@dataclass(frozen=True)
class FilePlan:
    """The audio file that a call makes, of at most `max_bytes`, and the formats of its subtitles. `text` is as it was
    sent."""

    key: str
    audio_format: AudioFormat
    max_bytes: int
    text: str
    subtitles: tuple[SubtitleFormat, ...] = ()
    sample_rate: int | None = None
    """As it was asked for; None for that of the format."""

    @property
    def keys(self) -> Sequence[str]:
        return self.key, *self.subtitle_keys.values()

    @property
    def subtitle_keys(self) -> Mapping[SubtitleFormat, str]:
        return {one: subtitles_key(self.key, one) for one in self.subtitles}


class SpeechFiles:
    def __init__(self, media: MediaService, storage: Storage, ffmpeg: Path) -> None:
        self._media = media
        self._storage = storage
        self._ffmpeg = ffmpeg

    def reserve(self, tx: Session, profile_id: str, plan: FilePlan) -> None:
        """Add the rows of files that will be written, so that the sweep finds the files of a call that died. Raises
        Forbidden (quota)."""
        self._media.reserve_speech(tx, profile_id, plan.key, plan.audio_format.content_type, plan.max_bytes)
        for key in plan.subtitle_keys.values():
            self._media.reserve_speech(tx, profile_id, key, speech_type(key), max_subtitles_bytes(plan.text))

    def write_audio(self, plan: FilePlan, pieces: Generator[Pcm, None, None]) -> tuple[int, int]:
        """Encode the samples into the file. Returns their number, and the file's bytes. Raises as `encode_file`."""
        with self._storage.writable_path(plan.key) as path, contextlib.closing(pieces):
            samples = encode_file(
                pieces,
                plan.audio_format.name,
                path,
                ffmpeg=self._ffmpeg,
                sample_rate=plan.sample_rate,
            )
            return samples, path.stat().st_size

    def write_subtitles(
        self, plan: FilePlan, words: Sequence[SpokenWord], document: Document | None
    ) -> Mapping[str, int]:
        """Write the subtitles. Returns the bytes of each file, by key."""
        sizes = {}
        for name, key in plan.subtitle_keys.items():
            content = subtitles(words, plan.text, name, document=document).encode("utf-8", "replace")
            self._storage.put(key, content)
            sizes[key] = len(content)
        return sizes

    def record(self, tx: Session, sizes: Mapping[str, int]) -> None:
        """Mark reserved files as stored."""
        for key, size in sizes.items():
            self._media.record_speech(tx, key, size)

    def remove(self, keys: Collection[str]) -> None:
        for key in keys:
            self._media.remove(key)

    def leave_to_sweep(self, keys: Collection[str]) -> None:
        for key in keys:
            self._media.leave_to_sweep(key)
