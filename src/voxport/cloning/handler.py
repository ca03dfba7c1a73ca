"""Runs clone jobs: fetches and checks the sample, creates the voice, registers and charges it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from voxport.audit.service import GATEWAY, record
from voxport.cloning.service import ONE_CLONE, SERVICE
from voxport.errors import OutcomeUnknown
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.provider_calls.service import Kind, ProviderCalls
from voxport.providers.base import ClonedVoice
from voxport.providers.failover import first_that_works
from voxport.providers.registry import Registry, require_sample_length
from voxport.samples.loader import SampleLoader, SampleSource
from voxport.samples.quality import quality
from voxport.settings import Settings
from voxport.storage.base import Storage
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService
from voxport.voices.storage_keys import fit_key, sample_key, voice_key

_FETCH_RETRY_PAUSES = (1.0, 5.0)  # seconds before each retry of a download that broke off


class CloneHandler(JobHandler):
    """Runs clone jobs. Each step writes under the voice's name at the provider (the job's `output_id`), so that a step
    that runs twice leaves one voice. A binding job creates an existing voice at another provider."""

    service = SERVICE
    queue = "voxport-clone-jobs"
    older_queues = ("voxport-jobs", "voxport-clone-jobs")
    has_engine = True
    stages = ("fetching", "checking", "cloning", "registering")

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        samples: SampleLoader,
        storage: Storage,
        providers: Registry,
        voices: VoiceService,
        provisioning: VoiceProvisioning,
        provider_calls: ProviderCalls,
    ) -> None:
        self.concurrency = settings.worker_concurrency
        self.max_hosted = settings.clone_concurrency
        self.time_limit = timedelta(seconds=settings.clone_job_seconds)
        self._jobs = jobs
        self._samples = samples
        self._storage = storage
        self._providers = providers
        self._voices = voices
        self._provisioning = provisioning
        self._provider_calls = provider_calls

    def steps(self) -> Sequence[Step]:
        return (("sample", self._fetch_sample), ("clone", self._clone), ("register", self._register))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        self._provider_calls.abandon_job(run.job_id)
        if completed:
            return
        keys = [fit_key(run.output_id), *(voice_key(run.output_id, name) for name in _providers(run))]
        if not _is_binding(run):
            keys.append(sample_key(run.output_id))
        for key in keys:
            self._storage.delete(key)

    def drain(self, seconds: float) -> None:
        """Wait for voices that hosted providers are creating, so that each is known here, and start none."""
        self._provider_calls.drain(seconds)

    def must_finish(self, job_id: str) -> bool:
        return self._provider_calls.has_paid_part(job_id)

    def _fetch_sample(self, run: JobRun) -> Json:
        if _is_binding(run):
            return {}
        run.advance("fetching", 0.02)
        audio = self._samples.load_source(
            run.profile_id,
            SampleSource(**run.request["source"]),
            check_cancelled=lambda: run.advance("fetching", 0.02),
            retry_delays=_FETCH_RETRY_PAUSES,
        )
        run.advance("checking", 0.1)
        sample = self._samples.check(audio)
        self._samples.store(sample_key(run.output_id), sample.audio)
        return {"warnings": list(sample.report.warnings), "quality": quality(sample.report).model_dump()}

    def _clone(self, run: JobRun) -> Json:
        """Clone at the first provider that does not fail; `provider: auto` may give several."""
        run.advance("cloning", 0.2)
        names = _providers(run)
        begun: set[str] = set()

        def attempt(name: str) -> Json:
            if name == names[-1]:
                return run.with_retries(lambda: self._clone_at(run, name, begun))
            return self._clone_at(run, name, begun)

        try:
            return first_that_works(
                dict(zip(names, names, strict=True)),
                attempt,
                on_failover=lambda name: self._provider_calls.abandon_at(run.job_id, name),
            )
        except OutcomeUnknown as unknown:
            raise self._provider_calls.record_unknown_job(run.job_id, unknown) from unknown

    def _clone_at(self, run: JobRun, name: str, begun: set[str]) -> Json:
        """Clone at a provider. `begun` are those at which this process has begun the clone."""
        provider = self._providers.require_cloning(name, instant=False)
        kind: Kind = "binding" if _is_binding(run) else "clone"
        if self._provider_calls.begin_job(run, kind, provider, run.output_id) and name not in begun:
            provider.wait_for_creation(run.output_id)
        begun.add(name)
        sample = self._samples.load(sample_key(_voice_id(run)))
        require_sample_length(provider, sample)
        with self._provider_calls.paid_part(run, provider):
            cloned = self._provisioning.clone(
                provider,
                sample,
                voice_id=run.output_id,
                instant=False,
                on_progress=lambda done: run.advance("cloning", round(0.2 + 0.7 * done, 3)),
                checkpoint=_StoredCheckpoint(self._storage, fit_key(run.output_id)),
            )
        if cloned.file is not None:
            self._storage.put(voice_key(run.output_id, name), cloned.file)
        return {
            "provider": name,
            "provider_voice_id": cloned.provider_voice_id,
            "language": cloned.language,
            "has_file": cloned.file is not None,
        }

    def _register(self, run: JobRun) -> Json:
        run.advance("registering", 0.95)
        self._storage.delete(fit_key(run.output_id))
        clone_result = run.result_of("clone")
        name, voice_id = clone_result.get("provider", _providers(run)[0]), _voice_id(run)
        cloned = ClonedVoice(clone_result["provider_voice_id"], clone_result["language"])
        file_key = voice_key(run.output_id, name) if clone_result["has_file"] else None

        def make_result(tx: Session) -> dict[str, Any]:
            self._provider_calls.finish_job(tx, run.job_id, name)
            record(tx, "clone.complete", actor=GATEWAY, profile_id=run.profile_id, subject=voice_id, job_id=run.job_id)
            result = {"status": "success", "message": f"Voice cloned successfully with {name}"}
            result |= {"voice_id": voice_id, "provider": name}
            if _is_binding(run):
                self._voices.bind(
                    tx, voice_id, provider=name, cloned=cloned, file_key=file_key, remote_name=run.output_id
                )
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
                remote_name=run.output_id,
            )
            return {**result, "name": run.request["name"], **run.result_of("sample")}

        self._jobs.complete(run.job_id, run.hold_id, units=ONE_CLONE, make_result=make_result)
        return {}


class _StoredCheckpoint:
    """Stores the state of the provider's work as a file in storage."""

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
    """Return the providers' names in the order of their use. Jobs from before `auto` have one."""
    names: list[str] = run.request.get("providers") or [run.request["provider"]]
    return names


def _is_binding(run: JobRun) -> bool:
    return "binds" in run.request


def _voice_id(run: JobRun) -> str:
    """Return the voice's id as the customer knows it."""
    voice_id: str = run.request.get("binds", run.output_id)
    return voice_id
