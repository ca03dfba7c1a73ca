"""The work of a clone job: fetch and check the sample, make the voice, register and charge it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from voxport.audit.service import GATEWAY, record
from voxport.cloning.service import ONE, SERVICE
from voxport.errors import OutcomeUnknown, ProviderError, SampleUnusable
from voxport.jobs.handler import Step
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.provider_calls.service import Intents
from voxport.providers.base import ClonedVoice
from voxport.providers.registry import Registry, require_length
from voxport.samples.loader import Samples, Source
from voxport.samples.quality import quality
from voxport.storage.base import Storage
from voxport.voices.provisioning import Speaking
from voxport.voices.service import Voices
from voxport.voices.storage_keys import fit_key, sample_key, voice_key

_FETCH_PAUSES = (1.0, 5.0)  # seconds between the tries of a download that the network broke off
_log = logging.getLogger("voxport.cloning")


class CloneHandler:
    """Each step writes under the name that the voice is made by (the job's subject), so that running it twice leaves
    one voice. A job that binds makes a speaker whose voice there is already at another provider."""

    service = SERVICE

    def __init__(
        self,
        jobs: Jobs,
        samples: Samples,
        storage: Storage,
        providers: Registry,
        voices: Voices,
        speaking: Speaking,
        intents: Intents,
    ) -> None:
        self._jobs = jobs
        self._samples = samples
        self._storage = storage
        self._providers = providers
        self._voices = voices
        self._speaking = speaking
        self._intents = intents

    def steps(self) -> Sequence[Step]:
        return (("sample", self._take_sample), ("clone", self._clone), ("register", self._register))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        self._intents.end_job(run.job_id)
        if completed:
            return
        keys = [fit_key(run.subject), *(voice_key(run.subject, name) for name in _providers(run))]
        if not _binds(run):
            keys.append(sample_key(run.subject))
        for key in keys:
            self._storage.delete(key)

    def drain(self, seconds: float) -> None:
        """A clone that is begun again is the same one."""

    def _take_sample(self, run: JobRun) -> Json:
        if _binds(run):
            return {}
        run.advance("fetching", 0.02)
        audio = self._samples.obtain(
            run.profile_id,
            Source(**run.request["source"]),
            watch=lambda: run.advance("fetching", 0.02),
            pauses=_FETCH_PAUSES,
        )
        run.advance("checking", 0.1)
        sample = self._samples.check(audio)
        self._samples.keep(sample_key(run.subject), sample.audio)
        return {"warnings": list(sample.report.warnings), "quality": quality(sample.report).model_dump()}

    def _clone(self, run: JobRun) -> Json:
        """At the first provider that does not fail; with `provider: auto` there may be several."""
        run.advance("cloning", 0.2)
        names = _providers(run)
        for name in names:
            try:
                if name == names[-1]:
                    return run.retried(lambda name=name: self._clone_at(run, name))  # type: ignore[misc]
                return self._clone_at(run, name)
            except OutcomeUnknown as unknown:
                raise self._intents.lose_job(run.job_id, unknown) from unknown
            except (ProviderError, SampleUnusable) as error:
                if name == names[-1]:
                    raise
                self._intents.give_up_at(run.job_id, name)
                _log.warning("another provider clones instead", extra={"failed": name, "code": error.code})
        raise AssertionError("a job has a provider")

    def _clone_at(self, run: JobRun, name: str) -> Json:
        provider = self._providers.require_cloning(name, instant=False)
        if provider.capabilities().is_hosted:
            self._intents.begin_job(run, "binding" if _binds(run) else "clone", name, run.subject)
        sample = self._samples.load(sample_key(_voice_id(run)))
        require_length(provider, sample)
        cloned = self._speaking.clone(
            provider,
            sample,
            voice_id=run.subject,
            quick=False,
            progress=lambda done: run.advance("cloning", round(0.2 + 0.7 * done, 3)),
            kept=_Kept(self._storage, fit_key(run.subject)),
        )
        if cloned.file is not None:
            self._storage.put(voice_key(run.subject, name), cloned.file)
        return {
            "provider": name,
            "provider_voice_id": cloned.provider_voice_id,
            "language": cloned.language,
            "has_file": cloned.file is not None,
        }

    def _register(self, run: JobRun) -> Json:
        run.advance("registering", 0.95)
        self._storage.delete(fit_key(run.subject))
        made = run.result_of("clone")
        name, voice_id = made.get("provider", _providers(run)[0]), _voice_id(run)
        cloned = ClonedVoice(made["provider_voice_id"], made["language"])
        file_key = voice_key(run.subject, name) if made["has_file"] else None

        def make(tx: Session) -> dict[str, Any]:
            self._intents.finish_job(tx, run.job_id, name)
            record(tx, "clone.complete", by=GATEWAY, profile_id=run.profile_id, subject=voice_id, job_id=run.job_id)
            result = {"status": "success", "message": f"Voice cloned successfully with {name}"}
            result |= {"voice_id": voice_id, "provider": name}
            if _binds(run):
                self._voices.bind(tx, voice_id, provider=name, cloned=cloned, file_key=file_key, made_as=run.subject)
                return result
            self._voices.register(
                tx,
                profile_id=run.profile_id,
                voice_id=voice_id,
                name=run.request["name"],
                description=run.request["description"],
                provider=name,
                cloned=cloned,
                file_key=file_key,
                sample_key=sample_key(voice_id),
                made_as=run.subject,
            )
            return {**result, "name": run.request["name"], **run.result_of("sample")}

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


def _providers(run: JobRun) -> list[str]:
    """The names, in the order in which they are tried. A job of before there was `auto` has one."""
    names: list[str] = run.request.get("providers") or [run.request["provider"]]
    return names


def _binds(run: JobRun) -> bool:
    return "binds" in run.request


def _voice_id(run: JobRun) -> str:
    """The customer's id of the voice."""
    voice_id: str = run.request.get("binds", run.subject)
    return voice_id
