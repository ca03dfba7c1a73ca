"""Runs one step of a job, and turns whatever goes wrong in it into the job's end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from voxport.errors import JobTimeout, VoxportError
from voxport.jobs.handler import JobHandler
from voxport.jobs.models import Job
from voxport.jobs.port import JobNotActive, JobOverdue, Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.logs import bind_request
from voxport.transient_errors import as_unavailable

_log = logging.getLogger("voxport.jobs")


class JobRunner:
    """Knows the handlers by service. What `run_step` returns is what the job engine keeps; it raises the machine's
    trouble (the disk is full, the database locked), in the work, in the job's end or in the clean-up, and is run again
    then. Where it never passes, `fail_lost` comes later. `pauses`: seconds before each retry of what a provider was too
    busy for."""

    def __init__(self, jobs: Jobs, handlers: list[JobHandler], pauses: Sequence[float] = ()) -> None:
        self._jobs = jobs
        self._pauses = pauses
        self.handlers = {handler.service: handler for handler in handlers}

    def step_names(self, service: str) -> list[str]:
        return [name for name, _ in self.handlers[service].steps()]

    def begin(self, job_id: str) -> str | None:
        """The job's service, or None where there is nothing (left) to do."""
        job = self._jobs.find(job_id)
        if job is None:
            return None
        try:
            self._jobs.begin(job_id)
        except JobNotActive:
            return None
        return job.service

    def run_step(self, job_id: str, step: str, results: dict[str, Json]) -> Json | None:
        """The step's result, or None where the job has ended."""
        job = self._jobs.find(job_id)
        if job is None:
            return None
        handler = self.handlers[job.service]
        run = JobRun(self._jobs, job, handler, results, self._pauses)
        bind_request(job.request_id)
        try:
            if job.status != "processing":
                raise JobNotActive(job_id)
            if self._jobs.is_overdue(job, handler.time_limit):
                raise JobOverdue(job_id)
            return dict(handler.steps())[step](run)
        except JobNotActive:
            self._clean_up(handler, run)
        except JobOverdue:
            self._fail(handler, run, JobTimeout())
        except Exception as error:
            if as_unavailable(error):
                _log.exception("a step met trouble and is run again", extra={"job_id": job_id, "step": step})
                raise
            self._fail(handler, run, _to_voxport_error(error, job_id, step))
        return None

    def fail_lost(self, job: Job) -> bool:
        """End a job that the engine will not run any more; False where it had ended by itself. What its steps left is
        removed first: where that fails, the job is still open and given up another time."""
        current = self._jobs.find(job.id)
        if current is None or current.status not in ("queued", "processing"):
            return False
        handler = self.handlers[job.service]
        handler.clean_up(JobRun(self._jobs, current, handler, {}), completed=False)
        error = VoxportError("The job could not be finished. Nothing was charged; send the request again.")
        given_up = self._jobs.fail(current, error)
        if given_up:
            _log.error("the job engine gave up a job", extra={"job_id": job.id})
        return given_up

    def overdue(self) -> list[Job]:
        """Jobs that have been worked on for longer than they may."""
        return [job for one in self.handlers.values() for job in self._jobs.overdue(one.service, one.time_limit)]

    def time_out(self, job: Job, is_unknown: Callable[[Session], bool]) -> bool:
        """End a job whose time is over while a step of it is being worked on, or while nobody works on it. Whoever
        does, or takes it up, sees that it has ended and cleans up. False where it had ended by itself."""
        return self._jobs.fail(job, JobTimeout(), is_unknown=is_unknown)

    def clean_up(self, job: Job) -> None:
        """Remove what the steps of a job that came to nothing left behind."""
        handler = self.handlers[job.service]
        self._clean_up(handler, JobRun(self._jobs, job, handler, {}))

    def _fail(self, handler: JobHandler, run: JobRun, error: VoxportError) -> None:
        self._jobs.fail(run.job, error)
        self._clean_up(handler, run)

    def _clean_up(self, handler: JobHandler, run: JobRun) -> None:
        """After a job that came to nothing; and after one that completed, where a kill came before its last step's
        end was written down."""
        job = self._jobs.find(run.job_id)
        if job is not None and job.status in ("completed", "failed", "cancelled"):
            handler.clean_up(run, completed=job.status == "completed")


def _to_voxport_error(error: Exception, job_id: str, step: str) -> VoxportError:
    if isinstance(error, VoxportError):
        _log.info("job failed", extra={"job_id": job_id, "step": step, "code": error.code})
        return error
    _log.error("job failed for a reason of our own", exc_info=error, extra={"job_id": job_id, "step": step})
    return VoxportError("Something went wrong in the gateway. Nothing was charged; send the request again.")
