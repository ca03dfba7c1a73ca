"""Runs core-tts jobs: synthesizes the text in parts, then encodes them into one file and charges it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.encode import format_at
from voxport.audio.codec.wav import to_pcm16
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.media.names import speech_type
from voxport.media.service import MediaService
from voxport.provider_calls.service import ProviderCalls
from voxport.providers.base import Piece, Provider, ResumeTokenInvalid, SpokenWord, Utterance, VoiceRef
from voxport.providers.registry import Registry
from voxport.settings import Settings
from voxport.speech.durations import billed_seconds
from voxport.speech.files import FilePlan, SpeechFiles
from voxport.speech.parts import StoredParts
from voxport.speech.reading import read_document, text_and_document
from voxport.speech.service import SERVICE, require_audio
from voxport.speech.timestamps import shifted, timestamps
from voxport.storage.base import Storage
from voxport.text.pronunciation import Rule
from voxport.text.ssml.document import Document
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService

_SPEAKING_FRACTION = 0.95  # share of the progress before encoding
_log = logging.getLogger("voxport.speech")


class SpeechHandler(JobHandler):
    """Runs core-tts jobs. A job's `output_id` is the storage key of its file. The parts stay in storage between the
    steps and after a kill."""

    service = SERVICE
    queue = "voxport-speech-jobs"
    older_queues = ("voxport-speech", "voxport-speech-jobs")
    stages = ("speaking", "storing")

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        voices: VoiceService,
        provisioning: VoiceProvisioning,
        provider_calls: ProviderCalls,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        ffmpeg: Path,
    ) -> None:
        self.concurrency = settings.worker_speech_concurrency
        self.time_limit = timedelta(seconds=settings.speech_job_seconds)
        self._jobs = jobs
        self._voices = voices
        self._provisioning = provisioning
        self._provider_calls = provider_calls
        self._providers = providers
        self._media = media
        self._storage = storage
        self._files = SpeechFiles(media, storage, ffmpeg)

    def steps(self) -> Sequence[Step]:
        return (("speak", self._speak), ("store", self._store))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        StoredParts(self._storage, run.job_id).delete_all()
        self._provider_calls.abandon_job(run.job_id)
        if not completed:
            for key in _file_plan(run).keys:
                self._storage.delete(key)

    def drain(self, seconds: float) -> None:
        """Wait for paid parts in progress, which can't be repeated, and start none."""
        self._provider_calls.drain(seconds)

    def must_finish(self, job_id: str) -> bool:
        return self._provider_calls.has_paid_part(job_id)

    def _speak(self, run: JobRun) -> Json:
        run.advance("speaking", 0.0)
        parts = StoredParts(self._storage, run.job_id)
        try:
            run.with_retries(lambda: self._speak_remaining(run, parts))
        except ResumeTokenInvalid:
            _log.warning("a job is spoken again from its beginning", extra={"job_id": run.job_id})
            parts.delete_all()
            self._provider_calls.abandon_job(run.job_id)
            run.with_retries(lambda: self._speak_remaining(run, parts))
        return {"parts": len(parts)}

    def _speak_remaining(self, run: JobRun, parts: StoredParts) -> None:
        """Synthesize the rest of the text after the stored parts. Each part at a hosted provider is a paid call; one
        that a dead process started is not repeated. Raises OutcomeUnknown."""
        request = run.request
        (voice,) = self._voices.resolve(run.profile_id, request["voice_id"], request["provider"])
        provider = self._providers.require_available(voice.provider.name)
        document = _document(request, provider)
        text, spoken_document = text_and_document(request["text"], document, provider)
        utterance = Utterance(
            text,
            request["language"],
            request.get("voice_settings") or {"speed": request.get("speed", 1.0)},
            resume_from=parts.last_resume_token(),
            client=run.profile_id,
            document=spoken_document,
            voices={} if document is None else self._named_voices(run.profile_id, document, provider.name),
            with_words=request.get("timestamps") is not None or bool(request.get("subtitles")),
        )
        pieces = self._provisioning.speak(voice, utterance)
        progress = 0.0
        while progress < 1.0:
            with self._provider_calls.part(run, provider, voice.voice_id, len(parts)):
                piece = _next_part(pieces, parts)
            if piece is None:
                return
            progress = piece.progress
            _log.debug("a part was spoken", extra={"job_id": run.job_id, "part": len(parts) - 1})
            run.advance("speaking", round(_SPEAKING_FRACTION * piece.progress, 4))

    def _named_voices(self, profile_id: str, document: Document, provider: str) -> dict[str, VoiceRef]:
        voices = {name: self._voices.resolve(profile_id, name, provider)[0] for name in document.voices}
        return {name: self._provisioning.reference(voice) for name, voice in voices.items()}

    def _store(self, run: JobRun) -> Json:
        run.advance("storing", _SPEAKING_FRACTION)
        request, plan = run.request, _file_plan(run)
        parts = StoredParts(self._storage, run.job_id)
        samples, size = self._files.write_audio(plan, self._parts_while_wanted(run, parts))
        subtitle_sizes = self._write_subtitles(run, plan, parts)
        seconds = billed_seconds(samples)
        heard = _timestamps(request, parts)

        def make_result(tx: Session) -> dict[str, Any]:
            self._provider_calls.finish_job(tx, run.job_id, request["provider"])
            self._media.add_speech(tx, run.profile_id, plan.key, plan.audio_format.content_type, size)
            for key, bytes_of in subtitle_sizes.items():
                self._media.add_speech(tx, run.profile_id, key, speech_type(key), bytes_of)
            return {
                "key": plan.key,
                "folder_id": request["folder_id"],
                "provider": request["provider"],
                "voice_id": request["voice_id"],
                "cloned_voice_id": None,
                "duration_seconds": float(seconds),
                **_optional_fields(request),
                **heard,
                **_subtitles(plan),
            }

        self._jobs.complete(run.job_id, run.hold_id, units=seconds, make_result=make_result)
        parts.delete_all()
        return {}

    def _write_subtitles(self, run: JobRun, plan: FilePlan, parts: StoredParts) -> Mapping[str, int]:
        """Write the subtitles that were asked for. Returns the bytes of each file, by key."""
        if not plan.subtitles:
            return {}
        provider = self._providers.require_available(run.request["provider"])
        document = _document(run.request, provider) if run.request.get("markup") == "ssml" else None
        return self._files.write_subtitles(plan, parts.words(), document)

    def _parts_while_wanted(self, run: JobRun, parts: StoredParts) -> Generator[Pcm, None, None]:
        """Yield the parts and report progress. Raises JobNotActive if the job is cancelled, and JobOverdue."""
        samples = 0
        for number, part in enumerate(parts):
            run.advance("storing", round(_SPEAKING_FRACTION + (1 - _SPEAKING_FRACTION) * number / len(parts), 4))
            samples += len(part)
            yield part
        require_audio(samples, run.request["provider"])


def _file_plan(run: JobRun) -> FilePlan:
    request = run.request
    subtitles, sample_rate = tuple(request.get("subtitles") or ()), request.get("sample_rate")
    return FilePlan(
        run.output_id, format_at(request["output_format"], sample_rate), 0, request["text"], subtitles, sample_rate
    )


def _document(request: Json, provider: Provider) -> Document | None:
    return read_document(
        request["text"],
        markup=request.get("markup", "none"),
        rules=[Rule(**rule) for rule in request.get("rules", [])],
        language=request["language"],
        capabilities=provider.capabilities(),
        provider=provider.name,
    )


def _next_part(pieces: Iterator[Piece], parts: StoredParts) -> Piece | None:
    """Synthesize and store up to the next resumable piece. Returns that piece, or None at the end of the text."""
    spoken: list[Pcm] = []
    words: list[SpokenWord] = []
    for piece in pieces:
        words += shifted(piece.words, sum(map(len, spoken)) / SAMPLE_RATE)
        spoken.append(to_pcm16(piece.audio))
        if piece.is_resumable:
            parts.add(piece.resume_token, np.concatenate(spoken), words)
            return piece
    return None


def _timestamps(request: Json, parts: StoredParts) -> dict[str, Any]:
    """Return the `timestamps` of the result, if they were asked for."""
    granularity = request.get("timestamps")
    if granularity is None:
        return {}
    return {"timestamps": [one.to_json() for one in timestamps(parts.words(), request["text"], granularity)]}


def _subtitles(plan: FilePlan) -> dict[str, Any]:
    """Return the `subtitles` of the result, if there are any."""
    files = {name: {"key": key} for name, key in plan.subtitle_keys.items()}
    return {"subtitles": files} if files else {}


def _optional_fields(request: Json) -> dict[str, Any]:
    """Return the optional fields of the result."""
    notes = {
        "language": request.get("named_language"),
        "warnings": request.get("warnings"),
        "pronunciations": request.get("pronunciations"),
    }
    return {name: note for name, note in notes.items() if note}
