"""The context that a running step gets of its job."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from voxport.errors import ProviderBusy, ProviderUnavailable, VoxportError
from voxport.jobs.models import Job
from voxport.jobs.port import JobHandedBack, JobOverdue, Json
from voxport.jobs.service import Jobs
from voxport.retry import retry

if TYPE_CHECKING:
    from voxport.jobs.handler import JobHandler

_PROGRESS_SECONDS = 0.5
_MAX_PAUSE = 120.0
T = TypeVar("T")
_log = logging.getLogger("voxport.jobs")


class JobRun:
    """Gives a step its job, earlier results, progress reporting and retries. `pauses` are in seconds."""

    def __init__(
        self,
        jobs: Jobs,
        job: Job,
        handler: JobHandler,
        results: dict[str, Json],
        pauses: Sequence[float] = (),
        is_handed_back: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_handed_back`: whether the job has to stop here, because another worker continues it."""
        self._jobs = jobs
        self._is_handed_back = is_handed_back
        self.job = job
        self._handler = handler
        self._results = results
        self._pauses = pauses
        self._reported_at = 0.0
        self._stage = job.stage
        self._progress = job.progress

    @property
    def job_id(self) -> str:
        return self.job.id

    @property
    def profile_id(self) -> str:
        return self.job.profile_id

    @property
    def output_id(self) -> str:
        return self.job.output_id

    @property
    def request(self) -> Json:
        return self.job.request

    @property
    def hold_id(self) -> str:
        return self.job.hold_id

    def result_of(self, step: str) -> Json:
        """Return the result of an earlier step."""
        return self._results[step]

    def advance(self, stage: str, progress: float) -> None:
        """Report stage and progress (0 to 1) to the customer. Raises JobNotActive if the job was cancelled, JobOverdue
        if it exceeded its time limit, JobHandedBack."""
        self.require_kept()
        moment = time.monotonic()
        if stage == self._stage and moment - self._reported_at < _PROGRESS_SECONDS:
            return
        if stage not in (self._stage, *self._handler.stages):
            raise ValueError(f"{self.job.service} declares no stage {stage}")
        if self._jobs.is_overdue(self.job, self._handler.time_limit):
            raise JobOverdue(self.job_id)
        self._jobs.advance(self.job_id, stage, progress)
        self._reported_at, self._stage, self._progress = moment, stage, progress

    def require_kept(self) -> None:
        """Raises JobHandedBack if another worker continues the job."""
        if self._is_handed_back():
            raise JobHandedBack(self.job_id)

    def with_retries(self, work: Callable[[], T]) -> T:
        """Call `work`, and retry it after each of the pauses while the provider is busy or unavailable. Use it only for
        work that has no effect and costs nothing when it fails this way."""

        def sleep(pause: float, error: VoxportError) -> None:
            seconds = max(pause * random.uniform(0.8, 1.2), float(error.details.get("retry_after", 0)))  # noqa: S311
            _log.info("a job waits for its provider", extra={"job_id": self.job_id, "code": error.code})
            self._wait(min(seconds, _MAX_PAUSE))

        return retry(work, self._pauses, on=(ProviderBusy, ProviderUnavailable), sleep=sleep)

    def _wait(self, seconds: float) -> None:
        """Wait, and check the job meanwhile. Raises JobNotActive, JobOverdue."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _PROGRESS_SECONDS))
            self.advance(self._stage, self._progress)
