"""A job that was queued by a call, to be waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from voxport_client.errors import JobCancelledError, JobFailedError, UnexpectedResponseError
from voxport_client.job_events import OnProgress
from voxport_client.models.base import DecodeError, Model, decode
from voxport_client.models.jobs import Accepted, AcceptedJob, ClonedVoice, Job
from voxport_client.models.scripts import ScriptResult
from voxport_client.models.speech import SpeechFile
from voxport_client.resources.jobs import AsyncJobs, Jobs

T = TypeVar("T")
M = TypeVar("M", bound=Model)
ResultParser = Callable[[Job], T]


class _Pending(Generic[T]):
    def __init__(self, accepted: Accepted, idempotency_key: str | None, parse: ResultParser[T]) -> None:
        self.accepted: AcceptedJob = accepted.job
        self.idempotency_key = idempotency_key
        self._parse = parse

    @property
    def id(self) -> str:
        return self.accepted.id

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, service={self.accepted.service!r})"

    def _result(self, job: Job) -> T:
        if job.status == "failed":
            raise JobFailedError(job, idempotency_key=self.idempotency_key)
        if job.status == "cancelled":
            raise JobCancelledError(job, idempotency_key=self.idempotency_key)
        return self._parse(job)


class PendingJob(_Pending[T]):
    """A queued job. `idempotency_key` is that of the call that queued it."""

    def __init__(self, jobs: Jobs, accepted: Accepted, idempotency_key: str | None, parse: ResultParser[T]) -> None:
        super().__init__(accepted, idempotency_key, parse)
        self._jobs = jobs

    def wait(self, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> T:
        """Wait until the job has ended, and return its result. `on_progress` gets the job at each change; `timeout` is
        in seconds, None waits as long as it takes. Raises JobFailedError, JobCancelledError, WaitTimeoutError."""
        return self._result(
            self._jobs.follow(self.id, on_progress=on_progress, timeout=timeout, idempotency_key=self.idempotency_key)
        )

    def get(self) -> Job:
        """Return the job as it is now."""
        return self._jobs.get(self.id)

    def events(self) -> Iterator[Job]:
        """Yield the job at each change, until its end."""
        return self._jobs.events(self.id)

    def cancel(self) -> Job:
        """End the job; it costs nothing. Raises ConflictError if it has ended."""
        return self._jobs.cancel(self.id)


class AsyncPendingJob(_Pending[T]):
    """A queued job. `idempotency_key` is that of the call that queued it."""

    def __init__(
        self, jobs: AsyncJobs, accepted: Accepted, idempotency_key: str | None, parse: ResultParser[T]
    ) -> None:
        super().__init__(accepted, idempotency_key, parse)
        self._jobs = jobs

    async def wait(self, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> T:
        """Wait until the job has ended, and return its result. `on_progress` gets the job at each change; `timeout` is
        in seconds, None waits as long as it takes. Raises JobFailedError, JobCancelledError, WaitTimeoutError."""
        job = await self._jobs.follow(
            self.id, on_progress=on_progress, timeout=timeout, idempotency_key=self.idempotency_key
        )
        return self._result(job)

    async def get(self) -> Job:
        """Return the job as it is now."""
        return await self._jobs.get(self.id)

    def events(self) -> AsyncIterator[Job]:
        """Yield the job at each change, until its end."""
        return self._jobs.events(self.id)

    async def cancel(self) -> Job:
        """End the job; it costs nothing. Raises ConflictError if it has ended."""
        return await self._jobs.cancel(self.id)


def cloned_voice(job: Job) -> ClonedVoice:
    return _decode_result(ClonedVoice, job)


def speech_file(job: Job) -> SpeechFile:
    return _decode_result(SpeechFile, job)


def script_result(job: Job) -> ScriptResult:
    return _decode_result(ScriptResult, job)


def _decode_result(kind: type[M], job: Job) -> M:
    try:
        return decode(kind, job.result_data)
    except DecodeError as error:
        raise UnexpectedResponseError(f"The result of job {job.id} can't be read: {error}.") from None
