"""Runs one step of a job, and turns whatever goes wrong in it into the job's end."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from voxport.errors import JobTimeout, ProviderBusy, ProviderUnavailable, VoxportError
from voxport.jobs.models import Job
from voxport.jobs.port import JobGone, JobHandler, JobOverdue, Json
from voxport.jobs.service import Jobs
from voxport.logs import bind_request

_PROGRESS_SECONDS = 0.5
_LONGEST_PAUSE = 120.0
T = TypeVar("T")
_log = logging.getLogger("voxport.jobs")


class Runner:
    """Knows the handlers by service. What `run_step` returns is what the job engine keeps; it raises only where the
    database or storage can't even take the job's end, and then `give_up` comes later. `pauses`: seconds before each
    retry of what a provider was too busy for."""

    def __init__(self, jobs: Jobs, handlers: list[JobHandler], pauses: Sequence[float] = ()) -> None:
        self._jobs = jobs
        self._pauses = pauses
        self._handlers = {handler.service: handler for handler in handlers}

    def step_names(self, service: str) -> list[str]:
        return [name for name, _ in self._handlers[service].steps()]

    def begin(self, job_id: str) -> str | None:
        """The job's service, or None where there is nothing (left) to do."""
        job = self._jobs.find(job_id)
        if job is None:
            return None
        try:
            self._jobs.begin(job_id)
        except JobGone:
            return None
        return job.service

    def run_step(self, job_id: str, step: str, results: dict[str, Json]) -> Json | None:
        """The step's result, or None where the job has ended."""
        job = self._jobs.find(job_id)
        if job is None:
            return None
        run = _Run(self._jobs, job, results, self._pauses)
        handler = self._handlers[job.service]
        bind_request(job.request_id)
        try:
            if job.status != "processing":
                raise JobGone(job_id)
            if self._jobs.is_overdue(job):
                raise JobOverdue(job_id)
            return dict(handler.steps())[step](run)
        except JobGone:
            self._clean_up(handler, run)
        except JobOverdue:
            self._fail(handler, run, JobTimeout())
        except VoxportError as error:
            _log.info("job failed", extra={"job_id": job_id, "step": step, "code": error.code})
            self._fail(handler, run, error)
        except Exception:
            _log.exception("job failed for a reason of our own", extra={"job_id": job_id, "step": step})
            self._fail(
                handler,
                run,
                VoxportError("Something went wrong in the gateway. Nothing was charged; send the request again."),
            )
        return None

    def give_up(self, job: Job) -> bool:
        """End a job that the engine will not run any more; False where it had ended by itself."""
        error = VoxportError("The job could not be finished. Nothing was charged; send the request again.")
        given_up = self._jobs.fail(job, error)
        if given_up:
            _log.error("the job engine gave up a job", extra={"job_id": job.id})
            self.clean_up(job)
        return given_up

    def time_out(self, job: Job, is_unknown: Callable[[Session], bool]) -> bool:
        """End a job whose time is over while a step of it is being worked on, or while nobody works on it. Whoever
        does, or takes it up, sees that it has ended and cleans up. False where it had ended by itself."""
        return self._jobs.fail(job, JobTimeout(), is_unknown=is_unknown)

    def clean_up(self, job: Job) -> None:
        """Remove what the steps of a job that came to nothing left behind."""
        self._clean_up(self._handlers[job.service], _Run(self._jobs, job, {}))

    def _fail(self, handler: JobHandler, run: _Run, error: VoxportError) -> None:
        self._jobs.fail(run.job, error)
        self._clean_up(handler, run)

    def _clean_up(self, handler: JobHandler, run: _Run) -> None:
        """After a job that came to nothing; and after one that completed, where a kill came before its last step's
        end was written down."""
        job = self._jobs.find(run.job_id)
        if job is not None and job.status in ("completed", "failed", "cancelled"):
            handler.clean_up(run, completed=job.status == "completed")


class _Run:
    def __init__(self, jobs: Jobs, job: Job, results: dict[str, Json], pauses: Sequence[float] = ()) -> None:
        self._jobs = jobs
        self.job = job
        self._results = results
        self._pauses = pauses
        self._told = 0.0
        self._stage = job.stage
        self._progress = job.progress

    @property
    def job_id(self) -> str:
        return self.job.id

    @property
    def profile_id(self) -> str:
        return self.job.profile_id

    @property
    def subject(self) -> str:
        return self.job.subject

    @property
    def request(self) -> Json:
        return self.job.request

    @property
    def hold_id(self) -> str:
        return self.job.hold_id

    def result_of(self, step: str) -> Json:
        return self._results[step]

    def advance(self, stage: str, progress: float) -> None:
        moment = time.monotonic()
        if stage == self._stage and moment - self._told < _PROGRESS_SECONDS:
            return
        if self._jobs.is_overdue(self.job):
            raise JobOverdue(self.job_id)
        self._jobs.advance(self.job_id, stage, progress)
        self._told, self._stage, self._progress = moment, stage, progress

    def retried(self, work: Callable[[], T]) -> T:
        for pause in self._pauses:
            try:
                return work()
            except (ProviderBusy, ProviderUnavailable) as error:
                wait = max(pause * random.uniform(0.8, 1.2), float(error.details.get("retry_after", 0)))  # noqa: S311
                _log.info("a job waits for its provider", extra={"job_id": self.job_id, "code": error.code})
                self._pause(min(wait, _LONGEST_PAUSE))
        return work()

    def _pause(self, seconds: float) -> None:
        """Wait, for as long as the job is wanted. Raises JobGone, JobOverdue."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _PROGRESS_SECONDS))
            self.advance(self._stage, self._progress)
