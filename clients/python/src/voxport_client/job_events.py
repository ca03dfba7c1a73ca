"""Follows a job to its end: by its events, and by polling where these can't be had."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
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

MAX_EVENT_BYTES: Final = 4 << 20
_SILENCE_SECONDS: Final = 45.0  # the gateway sends a comment every 15 s
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 5.0


def get_job(job_id: str) -> Call[Job]:
    return Call("GET", path("/v2/jobs/{job_id}", job_id=job_id), parse_body(Job))


class LineSplitter:
    """Splits the bytes of events into lines. It holds no more of an unfinished one than MAX_EVENT_BYTES."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that a chunk completes. Raises DecodeError."""
        self._rest += chunk
        if b"\n" not in chunk:
            if len(self._rest) > MAX_EVENT_BYTES:
                raise DecodeError("a line of the events has no end")
            return []
        *lines, self._rest = self._rest.split(b"\n")
        return [line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines]


class EventParser:
    """Reads server-sent events line by line (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, line: str) -> Job | None:
        """Return the job that a line completes. Raises DecodeError."""
        if not line:
            event, data = self._event, "\n".join(self._data)
            self._event, self._data, self._size = "", [], 0
            return _job(data) if event == "job" and data else None
        self._size += len(line) + 1
        if self._size > MAX_EVENT_BYTES:
            raise DecodeError("an event has no end")
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
        self._parser, self._lines = EventParser(), LineSplitter()
        self._shown: tuple[object, ...] | None = None
        self._pause = _FIRST_PAUSE
        self._failures = 0

    def events_call(self) -> Call[Any]:
        headers = {"Accept": "text/event-stream"}
        if self._parser.last_id is not None:
            headers["Last-Event-ID"] = self._parser.last_id
        self._parser, self._lines = EventParser(self._parser.last_id), LineSplitter()
        return Call("GET", path("/v2/jobs/{job_id}/events", job_id=self._job_id), read_json, headers=headers)

    def poll_call(self) -> Call[Any]:
        return get_job(self._job_id)

    def read_timeout(self) -> float:
        """Seconds until a response is given up. Raises WaitTimeoutError."""
        return min(_SILENCE_SECONDS, max(0.05, self._left()))

    def feed(self, chunk: bytes) -> Iterator[Job]:
        """Yield each job that a chunk of the events completes, if it shows a change. Raises WaitTimeoutError,
        DecodeError."""
        for line in self._lines.feed(chunk):
            job = self._parser.feed(line)
            if job is not None:
                self._pause = _FIRST_PAUSE
                yield from self._changed(job)
        self._left()

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
