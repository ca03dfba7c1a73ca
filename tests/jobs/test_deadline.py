"""A job may be worked on for so long and no longer, whoever works on it; its wait does not count."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import voxport.jobs.service
from tests.conftest import MakeGateway
from tests.jobs.conftest import PRICE, Baker, free, paid_once, run_all, seen
from tests.support.client import Client, open_client
from voxport.jobs.models import Job
from voxport.jobs.runner import Runner
from voxport.jobs.service import NewJob
from voxport.testing.doubles.clock import Clock
from voxport.worker import _time_out_jobs

LIMIT = 60.0  # seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the jobs, which stands still between its turns."""
    clock = Clock(stands=True)
    monkeypatch.setattr(voxport.jobs.service, "now", lambda: datetime.fromtimestamp(clock.now(), UTC))
    return clock


@pytest.fixture
def owner(make_gateway: MakeGateway) -> Client:
    return open_client(make_gateway(clone_job_seconds=LIMIT))


def submit(owner: Client) -> Job:
    new = NewJob(owner.profile_id, "core-voice-clone", {"flour": "rye"}, "bread-1", PRICE, "req_1")
    return owner.gateway.jobs.submit(new)


def baker(owner: Client, before_first: Callable[[], None] = lambda: None) -> tuple[Baker, Runner]:
    made = Baker(owner.gateway, before_first)
    return made, Runner(owner.gateway.jobs, [made])


def timed_out(owner: Client, job: Job) -> dict[str, Any]:
    shown = seen(owner, job)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "job_timeout")
    assert shown["error"]["message"].endswith("Nothing was charged; send it again.")
    return shown


def test_a_step_that_reports_after_its_time_ends_the_job(owner: Client, clock: Clock) -> None:
    made, runner = baker(owner, lambda: clock.turn(seconds=LIMIT + 1))
    job = submit(owner)
    assert run_all(runner, job) == {}
    timed_out(owner, job)
    assert (made.ran, made.cleaned) == (["knead"], ["bread-1"])
    free(owner)


def test_the_wait_in_the_queue_does_not_count(owner: Client, clock: Clock) -> None:
    _, runner = baker(owner)
    job = submit(owner)
    clock.turn(seconds=LIMIT + 1)
    run_all(runner, job)
    assert seen(owner, job)["status"] == "completed"
    paid_once(owner)


def test_the_time_counts_on_while_no_worker_lives(owner: Client, clock: Clock) -> None:
    made, runner = baker(owner)
    job = submit(owner)
    runner.begin(job.id)
    first = runner.run_step(job.id, "knead", {})
    assert first is not None
    clock.turn(seconds=LIMIT + 1)
    next_worker = Runner(owner.gateway.jobs, [made])
    assert next_worker.begin(job.id) == "core-voice-clone"
    assert next_worker.run_step(job.id, "bake", {"knead": first}) is None
    timed_out(owner, job)
    assert made.cleaned == ["bread-1"]
    free(owner)


def test_a_step_that_never_reports_is_ended_by_the_worker_beside_it_and_cleans_up_when_it_returns(
    owner: Client, clock: Clock
) -> None:
    runs, returns = threading.Event(), threading.Event()

    def hang() -> None:
        runs.set()
        returns.wait(60)

    made, runner = baker(owner, hang)
    job = submit(owner)
    step = threading.Thread(target=run_all, args=(runner, job))
    step.start()
    assert runs.wait(60)
    clock.turn(seconds=LIMIT - 1)
    assert _time_out_jobs(owner.gateway, runner) == 0
    clock.turn(seconds=2)
    assert _time_out_jobs(owner.gateway, runner) == 1
    shown = timed_out(owner, job)
    free(owner)
    assert _time_out_jobs(owner.gateway, runner) == 0
    returns.set()
    step.join(60)
    assert made.cleaned == ["bread-1"]
    assert seen(owner, job) == shown
    free(owner)
