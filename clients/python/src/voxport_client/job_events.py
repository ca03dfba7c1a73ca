"""Follows a job to its end: by its events, and by polling where these can't be had."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import httpx2

from voxport_client.errors import ConnectionFailedError, StatusError, VoxportError, WaitTimeoutError
from voxport_client.models.base import DecodeError, decode
from voxport_client.models.jobs import Job
from voxport_client.transport.attempts import RetryPolicy
from voxport_client.transport.calls import Call, parse_body, path
from voxport_client.transport.responses import read_json

OnProgress = Callable[[Job], None]
"""Gets the job at each change of its status, stage or progress."""

_SILENCE_SECONDS: Final = 45.0  # the gateway sends a comment every 15 s
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 5.0


def get_job(job_id: str) -> Call[Job]:
    return Call("GET", path("/v2/jobs/{job_id}", job_id=job_id), parse_body(Job))


class EventParser:
    """Reads server-sent events line by line (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Job | None:
        """Return the job that a line completes. Raises DecodeError."""
        if not line:
            event, data = self._event, "\n".join(self._data)
            self._event, self._data = "", []
            return _job(data) if event == "job" and data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            self.last_id = value
        return None


class JobFollower:
    """The state of a wait for a job, apart from sending. `timeout` is in seconds, None for no limit.

    The job is followed by its events. Where these can't be had (a proxy that holds them back, too many streams, a lost
    connection), it is polled between two tries."""

    def __init__(
        self,
        job_id: str,
        policy: RetryPolicy,
        timeout: float | None,
        *,
        idempotency_key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job_id = job_id
        self._policy = policy
        self._timeout = timeout
        self._key = idempotency_key
        self._clock = clock
        self._deadline = None if timeout is None else clock() + timeout
        self._parser = EventParser()
        self._shown: tuple[object, ...] | None = None
        self._pause = _FIRST_PAUSE
        self._failures = 0

    def events_call(self) -> Call[Any]:
        headers = {"Accept": "text/event-stream"}
        if self._parser.last_id is not None:
            headers["Last-Event-ID"] = self._parser.last_id
        self._parser = EventParser(self._parser.last_id)
        return Call("GET", path("/v2/jobs/{job_id}/events", job_id=self._job_id), read_json, headers=headers)

    def poll_call(self) -> Call[Any]:
        return get_job(self._job_id)

    def read_timeout(self) -> float:
        """Seconds until a response is given up. Raises WaitTimeoutError."""
        return min(_SILENCE_SECONDS, max(0.05, self._left()))

    def feed(self, line: str) -> list[Job]:
        """Return the job that a line of the events completes, if it shows a change. Raises WaitTimeoutError,
        DecodeError."""
        job = self._parser.feed(line)
        if job is None:
            self._left()
            return []
        self._pause = _FIRST_PAUSE
        return self._changed(job)

    def feed_poll(self, response: httpx2.Response) -> list[Job]:
        """Return the job of a poll, if it shows a change. Raises UnexpectedResponseError."""
        return self._changed(get_job(self._job_id).parse(response))

    def on_events_error(self, error: Exception) -> None:
        """Raises the error if polling would meet it too."""
        if isinstance(error, WaitTimeoutError) or (isinstance(error, StatusError) and error.status in (401, 403, 404)):
            raise error

    def on_poll_error(self, error: Exception) -> None:
        """Raises the error if it is no passing one, or the last of too many."""
        self._failures += 1
        is_passing = isinstance(error, httpx2.RequestError) or (
            isinstance(error, StatusError) and error.status in (429, 502, 503, 504)
        )
        if is_passing and self._failures <= self._policy.max_retries:
            return
        if isinstance(error, httpx2.RequestError):
            raise ConnectionFailedError(
                f"The gateway does not answer ({error}). Job {self._job_id} goes on: wait for it again.",
                idempotency_key=self._key,
            ) from error
        raise error

    def pause(self) -> float:
        """Seconds until the next try. Raises WaitTimeoutError."""
        seconds = min(self._pause, self._left())
        self._pause = min(self._pause * 2, _MAX_PAUSE)
        return seconds

    def _changed(self, job: Job) -> list[Job]:
        self._failures = 0
        shown = (job.status, job.stage, job.progress)
        if shown == self._shown:
            return []
        self._shown = shown
        return [job]

    def _left(self) -> float:
        if self._deadline is None or self._timeout is None:
            return _SILENCE_SECONDS
        left = self._deadline - self._clock()
        if left <= 0:
            raise WaitTimeoutError(self._job_id, self._timeout, idempotency_key=self._key)
        return left


FOLLOW_ERRORS = (httpx2.RequestError, VoxportError, DecodeError)


def _job(data: str) -> Job:
    try:
        value = json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise DecodeError("the event is no JSON") from None
    return decode(Job, value)
