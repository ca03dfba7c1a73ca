"""The work of a clone job: fetch and check the sample, make the voice, register and charge it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from voxport.cloning.naming import fit_key, sample_key, voice_key
from voxport.cloning.service import ONE, SERVICE
from voxport.jobs.port import JobRun, Json, Step
from voxport.jobs.service import Jobs
from voxport.media.quality import quality
from voxport.media.samples import Samples, Source
from voxport.media.storage import Storage
from voxport.providers.base import ClonedVoice
from voxport.providers.registry import Registry
from voxport.voices.service import Voices


class CloneHandler:
    """Each step writes under the id that the voice will have, so that running it twice leaves one voice."""

    service = SERVICE

    def __init__(self, jobs: Jobs, samples: Samples, storage: Storage, providers: Registry, voices: Voices) -> None:
        self._jobs = jobs
        self._samples = samples
        self._storage = storage
        self._providers = providers
        self._voices = voices

    def steps(self) -> Sequence[Step]:
        return (("sample", self._take_sample), ("clone", self._clone), ("register", self._register))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        if completed:
            return
        voice_id, name = run.subject, run.request["provider"]
        for key in (sample_key(voice_id), fit_key(voice_id), voice_key(voice_id, name)):
            self._storage.delete(key)

    def _take_sample(self, run: JobRun) -> Json:
        run.advance("fetching", 0.02)
        audio = self._samples.obtain(run.profile_id, Source(**run.request["source"]))
        run.advance("checking", 0.1)
        sample = self._samples.check(audio)
        self._samples.keep(sample_key(run.subject), sample.audio)
        return {"warnings": list(sample.report.warnings), "quality": quality(sample.report).model_dump()}

    def _clone(self, run: JobRun) -> Json:
        name = run.request["provider"]
        run.advance("cloning", 0.2)
        sample = self._samples.load(sample_key(run.subject))
        cloned = self._providers.require_cloning(name, instant=False).clone(
            sample,
            voice_id=run.subject,
            quick=False,
            progress=lambda done: run.advance("cloning", round(0.2 + 0.7 * done, 3)),
            kept=_Kept(self._storage, fit_key(run.subject)),
        )
        if cloned.file is not None:
            self._storage.put(voice_key(run.subject, name), cloned.file)
        return {
            "provider_voice_id": cloned.provider_voice_id,
            "language": cloned.language,
            "has_file": cloned.file is not None,
        }

    def _register(self, run: JobRun) -> Json:
        run.advance("registering", 0.95)
        self._storage.delete(fit_key(run.subject))
        made = run.result_of("clone")
        request = run.request

        def make(tx: Session) -> dict[str, Any]:
            self._voices.register(
                tx,
                profile_id=run.profile_id,
                voice_id=run.subject,
                name=request["name"],
                description=request["description"],
                provider=request["provider"],
                cloned=ClonedVoice(made["provider_voice_id"], made["language"]),
                file_key=voice_key(run.subject, request["provider"]) if made["has_file"] else None,
                sample_key=sample_key(run.subject),
            )
            return {
                "status": "success",
                "message": f"Voice cloned successfully with {request['provider']}",
                "voice_id": run.subject,
                "provider": request["provider"],
                "name": request["name"],
                "warnings": run.result_of("sample")["warnings"],
                "quality": run.result_of("sample")["quality"],
            }

        self._jobs.complete(run.job_id, run.hold_id, units=ONE, make=make)
        return {}


class _Kept:
    """The state of the provider's work, as a file in storage."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    def load(self) -> bytes | None:
        try:
            return self._storage.read(self._key)
        except FileNotFoundError:
            return None

    def save(self, state: bytes) -> None:
        self._storage.put(self._key, state)
