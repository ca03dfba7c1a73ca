"""The time limit of a job. It counts across workers, but does not include the time in the queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import voxport.jobs.service
from tests.conftest import MakeGateway
from tests.jobs.conftest import PRICE, StubHandler, require_free, require_paid_once, run_all, shown_job
from tests.support.client import GatewayClient, open_client
from voxport.jobs.models import Job
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob
from voxport.testing.doubles.clock import ManualClock
from voxport.worker import _time_out_jobs

LIMIT = 60.0  # seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock of the jobs, which only the test advances."""
    clock = ManualClock(frozen=True)
    monkeypatch.setattr(voxport.jobs.service, "now", lambda: datetime.fromtimestamp(clock.now(), UTC))
    return clock


@pytest.fixture
def owner(make_gateway: MakeGateway) -> GatewayClient:
    return open_client(make_gateway(clone_job_seconds=LIMIT))


def submit(owner: GatewayClient) -> Job:
    new = NewJob(owner.profile_id, "core-voice-clone", {"input": "some"}, "output-1", PRICE, "req_1")
    return owner.gateway.jobs.submit(new)


def stub_handler(
    owner: GatewayClient, before_first: Callable[[], None] = lambda: None
) -> tuple[StubHandler, JobRunner]:
    handler = StubHandler(owner.gateway, before_first)
    return handler, JobRunner(owner.gateway.jobs, [handler])


def timed_out(owner: GatewayClient, job: Job) -> dict[str, Any]:
    shown = shown_job(owner, job)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "job_timeout")
    assert shown["error"]["message"].endswith("Nothing was charged; send it again.")
    return shown


def test_a_step_that_reports_after_its_time_ends_the_job(owner: GatewayClient, clock: ManualClock) -> None:
    handler, runner = stub_handler(owner, lambda: clock.advance(seconds=LIMIT + 1))
    job = submit(owner)
    assert run_all(runner, job) == {}
    timed_out(owner, job)
    assert (handler.ran, handler.cleaned) == (["first"], ["output-1"])
    require_free(owner)


def test_the_wait_in_the_queue_does_not_count(owner: GatewayClient, clock: ManualClock) -> None:
    _, runner = stub_handler(owner)
    job = submit(owner)
    clock.advance(seconds=LIMIT + 1)
    run_all(runner, job)
    assert shown_job(owner, job)["status"] == "completed"
    require_paid_once(owner)


def test_the_time_counts_on_while_no_worker_lives(owner: GatewayClient, clock: ManualClock) -> None:
    handler, runner = stub_handler(owner)
    job = submit(owner)
    runner.begin(job.id)
    first = runner.run_step(job.id, "first", {})
    assert first is not None
    clock.advance(seconds=LIMIT + 1)
    next_worker = JobRunner(owner.gateway.jobs, [handler])
    assert next_worker.begin(job.id) == "core-voice-clone"
    assert next_worker.run_step(job.id, "second", {"first": first}) is None
    timed_out(owner, job)
    assert handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_step_that_never_reports_is_ended_by_the_worker_beside_it_and_cleans_up_when_it_returns(
    owner: GatewayClient, clock: ManualClock
) -> None:
    runs, returns = threading.Event(), threading.Event()

    def hang() -> None:
        runs.set()
        returns.wait(60)

    handler, runner = stub_handler(owner, hang)
    job = submit(owner)
    step = threading.Thread(target=run_all, args=(runner, job))
    step.start()
    assert runs.wait(60)
    clock.advance(seconds=LIMIT - 1)
    assert _time_out_jobs(owner.gateway, runner) == 0
    clock.advance(seconds=2)
    assert _time_out_jobs(owner.gateway, runner) == 1
    shown = timed_out(owner, job)
    require_free(owner)
    assert _time_out_jobs(owner.gateway, runner) == 0
    returns.set()
    step.join(60)
    assert handler.cleaned == ["output-1"]
    assert shown_job(owner, job) == shown
    require_free(owner)
