"""Waiting for a job: by its events, by polling where these can't be had, and for as long as was said."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.client_library.scripted import Answer, Script, ok, refused
from tests.client_library.test_values import JOB
from voxport_client import (
    AuthenticationError,
    ConnectionFailedError,
    JobCancelledError,
    JobFailedError,
    NotFoundError,
    WaitTimeoutError,
)
from voxport_client.job_events import JobFollower
from voxport_client.transport.attempts import RetryPolicy

DONE = {**JOB, "result_data": {"voice_id": "v", "provider": "local", "message": "Cloned"}}
ERROR = {"code": "sample_unusable", "message": "It is silent.", "request_id": None, "details": {"seconds": 0.5}}


def running(progress: float, stage: str = "cloning") -> dict[str, Any]:
    return {**JOB, "status": "processing", "stage": stage, "progress": progress}


def events(*jobs: dict[str, Any], rest: str = "") -> httpx2.Response:
    frames = [f"id: {number}\nevent: job\ndata: {json.dumps(job)}\n\n" for number, job in enumerate(jobs)]
    return httpx2.Response(200, text="retry: 2000\n\n: keep-alive\n\n" + "".join(frames) + rest)


def test_each_change_is_told_once_until_the_end() -> None:
    script = Script([events(running(0.1), running(0.1), running(0.5), DONE)])
    seen: list[float] = []
    job = script.client().jobs.wait("j", on_progress=lambda job: seen.append(job.progress))
    assert job.result_data == DONE["result_data"]
    assert seen == [0.1, 0.5, 1.0]


@pytest.mark.parametrize(
    "first",
    [
        httpx2.ReadError("reset"),
        httpx2.ReadTimeout("a proxy holds the events back"),
        httpx2.ConnectError("restarting"),
        refused(429, "rate_limited"),
        httpx2.Response(502, text="<h1>Bad gateway</h1>"),
        httpx2.Response(501),
        httpx2.Response(204),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, text="event: job\ndata: {broken\n\n"),
        httpx2.Response(200, text='event: job\ndata: {"id": 7}\n\n'),
        events(running(0.2)),
    ],
)
def test_a_job_whose_events_can_not_be_had_is_polled(first: Answer) -> None:
    script = Script([first, ok(running(0.3)), first, ok(DONE)])
    assert script.client().jobs.wait("j").status == "completed"
    assert [request.url.path[-6:] == "events" for request in script.requests] == [True, False] * 2
    assert len(script.pauses) == 1


def test_events_are_taken_up_where_they_were_lost() -> None:
    script = Script([events(running(0.1), running(0.2)), ok(running(0.2)), events(DONE)])
    script.client().jobs.wait("j")
    assert [request.headers.get("Last-Event-ID") for request in script.requests] == [None, None, "1"]


def test_a_gateway_that_is_away_for_long_ends_the_wait_and_not_the_job() -> None:
    script = Script([httpx2.ConnectError("refused")] * 20)
    with pytest.raises(ConnectionFailedError, match="Job j goes on"):
        script.client(max_retries=3).jobs.wait("j")
    assert len(script.requests) == 8


def test_an_absence_in_between_is_survived() -> None:
    away: list[Answer] = [httpx2.ConnectError("refused")] * 6
    script = Script([events(running(0.1)), *away, ok(running(0.2)), *away[1:], ok(running(0.3)), events(DONE)])
    assert script.client(max_retries=5).jobs.wait("j").status == "completed"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(refused(401, "key_revoked"), AuthenticationError), (refused(404, "job_not_found"), NotFoundError)],
)
def test_what_waiting_can_not_mend_is_raised_at_once(answer: httpx2.Response, kind: type[Exception]) -> None:
    script = Script([answer])
    with pytest.raises(kind):
        script.client().jobs.wait("j")


def test_a_failed_or_cancelled_job_is_an_error_with_its_reason() -> None:
    script = Script([events({**JOB, "status": "failed", "error": ERROR}), events({**JOB, "status": "cancelled"})])
    client = script.client()
    with pytest.raises(JobFailedError, match="It is silent") as failed:
        client.jobs.wait("j")
    assert (failed.value.code, failed.value.details, failed.value.job.id) == ("sample_unusable", {"seconds": 0.5}, "j")
    with pytest.raises(JobCancelledError):
        client.jobs.wait("j")


def test_a_wait_ends_after_its_seconds_also_between_events() -> None:
    seconds = iter([0.0, 0.0, 4.0, 9.0, 11.0])
    follower = JobFollower("j", RetryPolicy(600, 5), 10, idempotency_key="k", clock=lambda: next(seconds))
    assert follower.read_timeout() == 10
    assert list(follower.feed(b": keep-alive\n")) == []
    assert follower.pause() == 0.5
    with pytest.raises(WaitTimeoutError, match="10 s") as raised:
        list(follower.feed(b": keep-alive\n"))
    assert (raised.value.job_id, raised.value.idempotency_key) == ("j", "k")
