"""`client.jobs`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

from voxport_client.errors import JobCancelledError, JobFailedError
from voxport_client.job_events import FOLLOW_ERRORS, JobFollower, OnProgress, get_job
from voxport_client.models.jobs import Job
from voxport_client.models.names import JobServiceName, JobStatus
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.transport.async_transport import AsyncTransport, aread_whole
from voxport_client.transport.calls import Call, parse_body, path
from voxport_client.transport.responses import read_whole
from voxport_client.transport.sync_transport import Transport


def _cancel(job_id: str) -> Call[Job]:
    return Call("POST", path("/v2/jobs/{job_id}/cancel", job_id=job_id), parse_body(Job))


class Jobs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        status: JobStatus | None = None,
        service: JobServiceName | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> Paginator[Job]:
        """Your jobs, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/jobs", Job, limit=limit, query={"status": status, "service": service})
        return Paginator(self._transport, calls, cursor)

    def get(self, job_id: str) -> Job:
        return self._transport.send(get_job(job_id))

    def wait(self, job_id: str, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> Job:
        """Wait until a job is completed. `timeout` is in seconds, None waits as long as it takes. Raises
        JobFailedError, JobCancelledError, WaitTimeoutError."""
        return _require_completed(self.follow(job_id, on_progress=on_progress, timeout=timeout))

    def events(self, job_id: str) -> Iterator[Job]:
        """Yield the job as it is, then at each change, until its end. Raises NotFoundError."""
        return self._walk(JobFollower(job_id, self._transport.options.policy, None))

    def cancel(self, job_id: str) -> Job:
        """End a job; it costs nothing. Raises ConflictError if it has ended."""
        return self._transport.send(_cancel(job_id))

    def follow(
        self,
        job_id: str,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Wait until a job has ended, however it ends. `timeout` is in seconds. Raises WaitTimeoutError."""
        follower = JobFollower(job_id, self._transport.options.policy, timeout, idempotency_key=idempotency_key)
        with contextlib.closing(self._walk(follower)) as jobs:
            for job in jobs:
                if on_progress is not None:
                    on_progress(job)
                if job.has_ended:
                    return job
        raise AssertionError("the walk ends with a job that has ended")

    def _walk(self, follower: JobFollower) -> Generator[Job, None, None]:
        while True:
            try:
                call, seconds = follower.events_call(), follower.read_timeout()
                with self._transport.open_once(call, read_timeout=seconds) as answer:
                    for chunk in answer.iter_bytes():
                        for job in follower.feed(chunk):
                            yield job
                            if job.has_ended:
                                return
            except FOLLOW_ERRORS as error:
                follower.on_events_error(error)
            try:
                call, seconds = follower.poll_call(), follower.read_timeout()
                with self._transport.open_once(call, read_timeout=seconds) as answer:
                    answer = read_whole(answer, call.max_bytes)
            except FOLLOW_ERRORS as error:
                follower.on_poll_error(error)
            else:
                for job in follower.feed_poll(answer):
                    yield job
                    if job.has_ended:
                        return
            self._transport.sleep(follower.pause())


class AsyncJobs:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        status: JobStatus | None = None,
        service: JobServiceName | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> AsyncPaginator[Job]:
        """Your jobs, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/jobs", Job, limit=limit, query={"status": status, "service": service})
        return AsyncPaginator(self._transport, calls, cursor)

    async def get(self, job_id: str) -> Job:
        return await self._transport.send(get_job(job_id))

    async def wait(self, job_id: str, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> Job:
        """Wait until a job is completed. `timeout` is in seconds, None waits as long as it takes. Raises
        JobFailedError, JobCancelledError, WaitTimeoutError."""
        return _require_completed(await self.follow(job_id, on_progress=on_progress, timeout=timeout))

    def events(self, job_id: str) -> AsyncIterator[Job]:
        """Yield the job as it is, then at each change, until its end. Raises NotFoundError."""
        return self._walk(JobFollower(job_id, self._transport.options.policy, None))

    async def cancel(self, job_id: str) -> Job:
        """End a job; it costs nothing. Raises ConflictError if it has ended."""
        return await self._transport.send(_cancel(job_id))

    async def follow(
        self,
        job_id: str,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Wait until a job has ended, however it ends. `timeout` is in seconds. Raises WaitTimeoutError."""
        follower = JobFollower(job_id, self._transport.options.policy, timeout, idempotency_key=idempotency_key)
        async with contextlib.aclosing(self._walk(follower)) as jobs:
            async for job in jobs:
                if on_progress is not None:
                    on_progress(job)
                if job.has_ended:
                    return job
        raise AssertionError("the walk ends with a job that has ended")

    async def _walk(self, follower: JobFollower) -> AsyncGenerator[Job, None]:
        while True:
            try:
                call, seconds = follower.events_call(), follower.read_timeout()
                async with self._transport.open_once(call, read_timeout=seconds) as answer:
                    async for chunk in answer.aiter_bytes():
                        for job in follower.feed(chunk):
                            yield job
                            if job.has_ended:
                                return
            except FOLLOW_ERRORS as error:
                follower.on_events_error(error)
            try:
                call, seconds = follower.poll_call(), follower.read_timeout()
                async with self._transport.open_once(call, read_timeout=seconds) as answer:
                    answer = await aread_whole(answer, call.max_bytes)
            except FOLLOW_ERRORS as error:
                follower.on_poll_error(error)
            else:
                for job in follower.feed_poll(answer):
                    yield job
                    if job.has_ended:
                        return
            await self._transport.sleep(follower.pause())


def _require_completed(job: Job) -> Job:
    if job.status == "failed":
        raise JobFailedError(job)
    if job.status == "cancelled":
        raise JobCancelledError(job)
    return job
