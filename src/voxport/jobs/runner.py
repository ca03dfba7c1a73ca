"""Runs one step of a job, and fails the job if the step fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from voxport.clock import now
from voxport.errors import JobTimeout, VoxportError
from voxport.jobs.handler import JobHandler
from voxport.jobs.models import Job
from voxport.jobs.port import JobNotActive, JobOverdue, Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.logs import bind_request
from voxport.telemetry import metrics
from voxport.telemetry.tracing import record_span, start_span
from voxport.transient_errors import as_unavailable

_log = logging.getLogger("voxport.jobs")


class JobRunner:
    """Runs the steps of all services' handlers. The job engine checkpoints what `run_step` returns.

    `run_step` raises transient errors of the machine (a full disk, a locked database), whether they occur in the work,
    in ending the job or in the clean-up, and the engine runs it again. If the error never passes, `fail_lost` ends the
    job. `pauses`: seconds before each retry of work that a provider was too busy for."""

    def __init__(self, jobs: Jobs, handlers: list[JobHandler], pauses: Sequence[float] = ()) -> None:
        self._jobs = jobs
        self._pauses = pauses
        self._is_draining = False
        self.handlers = {handler.service: handler for handler in handlers}

    def step_names(self, service: str) -> list[str]:
        return [name for name, _ in self.handlers[service].steps()]

    def drain(self) -> None:
        """Stop every job at its next report of progress, or after the work that can't be restarted, because this
        process ends."""
        self._is_draining = True
        for handler in self.handlers.values():
            handler.drain(0.0)

    def must_finish(self, job_id: str) -> bool:
        """Whether a job is in work that can't be restarted."""
        return any(handler.must_finish(job_id) for handler in self.handlers.values())

    def begin(self, job_id: str) -> str | None:
        """Start a job and return its service, or None if there is nothing left to do."""
        job = self.begin_job(job_id)
        return None if job is None else job.service

    def begin_job(self, job_id: str) -> Job | None:
        """Start a job and return it, or None if there is nothing left to do."""
        try:
            job, is_first = self._jobs.begin(job_id)
        except JobNotActive:
            # A kill may have come between the job's end and the clean-up, and the begin has no checkpoint.
            ended = self._jobs.find(job_id)
            if ended is not None:
                self.clean_up(ended)
            return None
        if is_first:
            seconds = (now() - job.created_at).total_seconds()
            metrics.on_job_begin(job.service, seconds)
            record_span(f"queue {job.service}", seconds, parent=job.traceparent)
        return job

    def run_step(self, job_id: str, step: str, results: dict[str, Json], job: Job | None = None) -> Json | None:
        """Run a step and return its result, or None if the job has ended. `job` is the job's row if it has just been
        read. Raises JobHandedBack."""
        job = job or self._jobs.find(job_id)
        if job is None:
            return None
        handler = self.handlers[job.service]
        run = JobRun(self._jobs, job, handler, results, self._pauses, lambda: self._is_handed_back(job_id))
        run.require_kept()
        bind_request(job.request_id)
        began, outcome = time.perf_counter(), "interrupted"
        try:
            with start_span(f"job {job.service} {step}", parent=job.traceparent) as span:
                span.set("voxport.job_id", job_id)
                span.set("voxport.request_id", job.request_id)
                result = self._run_or_end(run, handler, step)
                outcome = "ended" if result is None else "completed"
                span.set("voxport.outcome", outcome)
            return result
        finally:
            metrics.on_job_step_end(job.service, step, outcome, time.perf_counter() - began)

    def _run_or_end(self, run: JobRun, handler: JobHandler, step: str) -> Json | None:
        """Run a step. If it can't be completed, end the job and return None. Raises transient errors."""
        job, job_id = run.job, run.job_id
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
        """Fail a job that the engine will not run any more; False if it had already ended. The clean-up comes first: if
        it fails, the job stays open and is failed in a later attempt."""
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
        """Return the jobs that have exceeded their time limit."""
        return [job for one in self.handlers.values() for job in self._jobs.overdue(one.service, one.time_limit)]

    def time_out(self, job: Job, is_unknown: Callable[[Session], bool]) -> bool:
        """Fail an overdue job, whether or not a worker is running it. The worker that runs or recovers it sees that it
        has ended, and cleans up. False if it had already ended."""
        return self._jobs.fail(job, JobTimeout(), is_unknown=is_unknown)

    def clean_up(self, job: Job) -> None:
        """Remove what the steps of an ended job left behind."""
        handler = self.handlers[job.service]
        self._clean_up(handler, JobRun(self._jobs, job, handler, {}))

    def _is_handed_back(self, job_id: str) -> bool:
        return self._is_draining and not self.must_finish(job_id)

    def _fail(self, handler: JobHandler, run: JobRun, error: VoxportError) -> None:
        self._jobs.fail(run.job, error)
        self._clean_up(handler, run)

    def _clean_up(self, handler: JobHandler, run: JobRun) -> None:
        """Clean up an ended job. A completed one gets here if a kill came before its last step was checkpointed."""
        job = self._jobs.find(run.job_id)
        if job is not None and job.status in ("completed", "failed", "cancelled"):
            handler.clean_up(run, completed=job.status == "completed")


def _to_voxport_error(error: Exception, job_id: str, step: str) -> VoxportError:
    if isinstance(error, VoxportError):
        _log.info("job failed", extra={"job_id": job_id, "step": step, "code": error.code})
        return error
    _log.error("job failed for a reason of our own", exc_info=error, extra={"job_id": job_id, "step": step})
    return VoxportError("Something went wrong in the gateway. Nothing was charged; send the request again.")
