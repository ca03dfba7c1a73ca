"""Loads and checks the recording behind an audioUrl, which is an own upload or a public URL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.codec.encode import encode_file
from voxport.audio.codec.wav import to_pcm16
from voxport.audio.speaker_count import EmbedClips
from voxport.catalog import Catalog
from voxport.errors import AudioUrlUnusable, BadSignature, NotFound, SampleUnusable
from voxport.fetch.client import FetchPolicy, fetch, precheck_url
from voxport.media.names import upload_media_type
from voxport.media.service import MediaService
from voxport.media.signing import UrlSigner
from voxport.samples.check import SampleReport, check
from voxport.samples.selection import decode_speech
from voxport.settings import Settings
from voxport.storage.base import Storage
from voxport.storage.workdirs import work_dir

Audio = NDArray[np.float32]
SpeechRequirement = Literal["required", "preferred"]
"""`required`: a recording must hold speech. `preferred`: without speech, it is used from its start."""

MAX_CONCURRENT_CHECKS: Final = 2
"""Concurrent checks in one process. A check of a minute of audio takes 4 s of CPU time and 30 MB; more would only
take more memory."""
_WITHOUT_SPEECH = {"silent", "no_speech", "too_short"}

IS_UPLOAD_URL: Final = (
    "This is the upload_url, to which the file is PUT. Send the public_url of the same answer as audioUrl."
)
IS_DOCUMENT: Final = (
    "This upload is a document, which has no sound. Upload a recording with media_type audio or video, and send its "
    "public_url as audioUrl."
)


@dataclass(frozen=True)
class Sample:
    """A recording that is usable for a voice: mono at 24,000 Hz, at most as long as the catalogue's limit."""

    audio: Audio
    report: SampleReport


@dataclass(frozen=True)
class SampleSource:
    """Location of a recording: a key of the gateway's own storage, or a public URL."""

    key: str | None = None
    url: str | None = None


class SampleLoader:
    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        storage: Storage,
        media: MediaService,
        signer: UrlSigner,
        ffmpeg: Path,
        embed: EmbedClips,
        policy: FetchPolicy | None = None,
    ) -> None:
        """`embed` returns a unit vector for each clip; vectors of one speaker are close to each other."""
        self._limits = catalog.limits
        self._storage = storage
        self._media = media
        self._signer = signer
        self._embed = embed
        self._ffmpeg = ffmpeg
        self._check_slots = threading.BoundedSemaphore(MAX_CONCURRENT_CHECKS)
        self._policy = policy or FetchPolicy(
            max_bytes=catalog.limits.upload_video_bytes,
            timeout_seconds=settings.fetch_timeout,
            private_hosts=settings.private_hosts,
        )

    def locate_recording(self, profile_id: str, url: str) -> SampleSource:
        """Locates the recording of an audioUrl as `locate` does. Also raises AudioUrlUnusable for an upload that was
        announced as a document."""
        source = self.locate(profile_id, url)
        if source.key is not None and upload_media_type(source.key) == "document":
            raise AudioUrlUnusable(IS_DOCUMENT)
        return source

    def locate(self, profile_id: str, url: str) -> SampleSource:
        """Locates an upload or a public URL and checks what can be checked without a download. Raises NotFound
        (an upload of another profile, or not uploaded yet), BadSignature (an own URL that has expired),
        AudioUrlUnusable (an own upload_url)."""
        grant = self._signer.find_grant(url)
        if grant is None:
            precheck_url(url, self._policy)
            return SampleSource(url=url)
        # Only the owner learns what is wrong with the upload. For anybody else, it does not exist.
        self._media.require_owner(profile_id, grant.key)
        if grant.operation == "put":
            raise AudioUrlUnusable(IS_UPLOAD_URL)
        if grant.is_expired:
            raise BadSignature("The audioUrl has expired. Ask upload-media for a new one and upload again.")
        self._media.require_uploaded(profile_id, grant.key)
        return SampleSource(key=grant.key)

    def load_source(
        self,
        profile_id: str,
        source: SampleSource,
        *,
        check_cancelled: Callable[[], None] = lambda: None,
        retry_delays: Sequence[float] = (),
        speech: SpeechRequirement = "required",
    ) -> Audio:
        """Decodes the part of the recording that holds speech, up to the catalogue's limit in seconds. If there is no
        speech and `speech` is only preferred, decodes from the start. `check_cancelled` is called about once a second
        during a download and the search for speech, and may end them by raising. `retry_delays` are the seconds before
        each retry after a network failure. Raises NotFound, AudioUrlUnusable, TooLarge, SampleUnusable, Unavailable."""
        if source.key is not None:
            self._media.require_uploaded(profile_id, source.key)
            return self.load(source.key, speech=speech, check_cancelled=check_cancelled)
        with work_dir() as folder:
            path = folder / "sample"
            with path.open("wb") as file:
                fetch(source.url or "", file, self._policy, check_cancelled=check_cancelled, retry_delays=retry_delays)
            return self._decode(path, speech=speech, check_cancelled=check_cancelled)

    def check(self, audio: Audio) -> Sample:
        """Checks a recording. Raises SampleUnusable with the reason and advice."""
        with self._check_slots:
            report = check(
                audio,
                rate=SAMPLE_RATE,
                embed=self._embed,
                min_speech_seconds=self._limits.sample_min_speech_seconds,
            )
        return Sample(audio, report)

    def store(self, key: str, audio: Audio) -> None:
        """Stores a recording as FLAC, so that its voice can be rebuilt."""
        with self._storage.writable_path(key) as path:
            encode_file([to_pcm16(audio)], "flac", path, ffmpeg=self._ffmpeg)

    def load(
        self,
        key: str,
        *,
        speech: SpeechRequirement | None = None,
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> Audio:
        """Loads a stored recording, from its start if `speech` is None. Raises NotFound if it no longer exists,
        SampleUnusable if it can't be decoded."""
        try:
            with self._storage.local_copy(key) as path:
                return self._decode(path, speech=speech, check_cancelled=check_cancelled)
        except (FileNotFoundError, SampleUnusable):
            # The owner may delete the file at any time, even between opening it here and in the decoder.
            if self._storage.size(key) is not None:
                raise
            raise NotFound("The recording is no longer there. Upload it again.", code="media_not_found") from None

    def _decode(self, path: Path, *, speech: SpeechRequirement | None, check_cancelled: Callable[[], None]) -> Audio:
        max_seconds = self._limits.sample_max_seconds
        if speech is not None:
            try:
                return decode_speech(
                    path,
                    ffmpeg=self._ffmpeg,
                    max_seconds=max_seconds,
                    min_speech_seconds=self._limits.sample_min_speech_seconds,
                    check_cancelled=check_cancelled,
                )
            except SampleUnusable as error:
                if speech == "required" or error.details.get("reason") not in _WITHOUT_SPEECH:
                    raise
        return decode(path, ffmpeg=self._ffmpeg, max_seconds=max_seconds)
