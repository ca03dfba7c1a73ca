"""The work of a core-tts job: speak the text piece by piece, then make one file of the pieces and charge it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from voxport.audio.codec.encode import FORMATS, encode_file, to_pcm16
from voxport.audio.codec.encoder import Pcm
from voxport.errors import OutcomeUnknown, ProviderBusy, ProviderUnavailable
from voxport.jobs.handler import Step
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.provider_calls.service import Intents
from voxport.providers.base import Piece, PlaceLost
from voxport.providers.registry import Registry
from voxport.speech.drain import PaidParts
from voxport.speech.durations import billed_seconds
from voxport.speech.parts import Parts
from voxport.speech.service import SERVICE, require_audio
from voxport.storage.base import Storage
from voxport.voices.provisioning import Speaking
from voxport.voices.service import Voices

_SPOKEN = 0.95  # the share of a job's time that is not encoding
_log = logging.getLogger("voxport.speech")


class SpeechHandler:
    """A job's subject is the key of its file. Between the steps, and through a kill, the pieces lie in storage."""

    service = SERVICE

    def __init__(
        self,
        jobs: Jobs,
        voices: Voices,
        speaking: Speaking,
        intents: Intents,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        ffmpeg: Path,
    ) -> None:
        self._jobs = jobs
        self._voices = voices
        self._speaking = speaking
        self._intents = intents
        self._paid_parts = PaidParts()
        self._providers = providers
        self._media = media
        self._storage = storage
        self._ffmpeg = ffmpeg

    def steps(self) -> Sequence[Step]:
        return (("speak", self._speak), ("store", self._store))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        Parts(self._storage, run.job_id).drop()
        self._intents.end_job(run.job_id)
        if not completed:
            self._storage.delete(run.subject)

    def drain(self, seconds: float) -> None:
        """A part that is being paid for is not spoken again: it is waited for, and none is begun."""
        self._paid_parts.drain(seconds)

    def _speak(self, run: JobRun) -> Json:
        run.advance("speaking", 0.0)
        parts = Parts(self._storage, run.job_id)
        try:
            run.retried(lambda: self._speak_rest(run, parts))
        except PlaceLost:
            _log.warning("a job is spoken again from its beginning", extra={"job_id": run.job_id})
            parts.drop()
            self._intents.end_job(run.job_id)
            run.retried(lambda: self._speak_rest(run, parts))
        return {"parts": len(parts)}

    def _speak_rest(self, run: JobRun, parts: Parts) -> None:
        """Speak what is missing behind the parts that are there. Each part at a hosted provider is a paid call: one
        that was begun by a process that died is not made again. Raises OutcomeUnknown."""
        request = run.request
        (speaker,) = self._voices.resolve(run.profile_id, request["voice_id"], request["provider"])
        provider = self._providers.require_available(speaker.provider.name)
        is_hosted = provider.capabilities().is_hosted
        pieces = self._speaking.speak(
            speaker,
            request["text"],
            language=request["language"],
            settings=request.get("voice_settings") or {"speed": request.get("speed", 1.0)},
            after=parts.last_place(),
            client=run.profile_id,
        )
        share = 0.0
        while share < 1.0:
            try:
                with self._paid_parts.one() if is_hosted else contextlib.nullcontext():
                    if is_hosted:
                        self._intents.begin_part(run, provider.name, speaker.voice_id, len(parts))
                    piece = _next_part(pieces, parts)
            except OutcomeUnknown as unknown:
                raise self._intents.lose_job(run.job_id, unknown) from unknown
            except (ProviderBusy, ProviderUnavailable):
                if is_hosted:
                    self._intents.part_refused(run.job_id)
                raise
            if piece is None:
                return
            share = piece.share
            _log.debug("a part was spoken", extra={"job_id": run.job_id, "part": len(parts) - 1})
            run.advance("speaking", round(_SPOKEN * piece.share, 4))

    def _store(self, run: JobRun) -> Json:
        run.advance("storing", _SPOKEN)
        request, key = run.request, run.subject
        audio_format = FORMATS[request["output_format"]]
        parts = Parts(self._storage, run.job_id)
        with self._storage.writing(key) as path, contextlib.closing(self._watched(run, parts)) as pieces:
            samples = encode_file(pieces, audio_format.name, path, ffmpeg=self._ffmpeg)
        seconds, size = billed_seconds(samples), self._storage.size(key) or 0

        def make(tx: Session) -> dict[str, Any]:
            self._intents.finish_job(tx, run.job_id, request["provider"])
            self._media.add_speech(tx, run.profile_id, key, audio_format.content_type, size)
            return {
                "key": key,
                "folder_id": request["folder_id"],
                "provider": request["provider"],
                "voice_id": request["voice_id"],
                "cloned_voice_id": None,
                "duration_seconds": float(seconds),
                **_notes(request),
            }

        self._jobs.complete(run.job_id, run.hold_id, units=seconds, make=make)
        parts.drop()
        return {}

    def _watched(self, run: JobRun, parts: Parts) -> Generator[Pcm, None, None]:
        """The parts, for as long as the job is not cancelled."""
        samples = 0
        for number, part in enumerate(parts):
            run.advance("storing", round(_SPOKEN + (1 - _SPOKEN) * number / len(parts), 4))
            samples += len(part)
            yield part
        require_audio(samples, run.request["provider"])


def _next_part(pieces: Iterator[Piece], parts: Parts) -> Piece | None:
    """Speak, and keep, up to where speech could go on; the last piece of it, None where there is no more."""
    spoken: list[Pcm] = []
    for piece in pieces:
        spoken.append(to_pcm16(piece.audio))
        if piece.is_resumable:
            parts.add(piece.place, np.concatenate(spoken))
            return piece
    return None


def _notes(request: Json) -> dict[str, Any]:
    """What the answer says of the language and the text, where there is something to say."""
    notes = {"language": request.get("named_language"), "warnings": request.get("warnings")}
    return {name: note for name, note in notes.items() if note}
