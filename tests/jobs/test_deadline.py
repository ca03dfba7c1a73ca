"""A job may be worked on for so long and no longer, whoever works on it; its wait does not count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import MakeGateway
from tests.jobs.conftest import PRICE, Baker, free, paid_once, run_all, seen
from tests.support.client import Client, open_client
from voxport.jobs.models import Job
from voxport.jobs.runner import Runner
from voxport.jobs.service import NewJob
from voxport.worker import _time_out_jobs

LIMIT = 1.5
"""In seconds: more than the quick steps of these tests take on a machine that is busy with others."""


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


def test_a_step_that_reports_after_its_time_ends_the_job(owner: Client) -> None:
    made, runner = baker(owner, lambda: time.sleep(LIMIT + 0.1))
    job = submit(owner)
    assert run_all(runner, job) == {}
    timed_out(owner, job)
    assert (made.ran, made.cleaned) == (["knead"], ["bread-1"])
    free(owner)


def test_the_wait_in_the_queue_does_not_count(owner: Client) -> None:
    _, runner = baker(owner)
    job = submit(owner)
    time.sleep(LIMIT + 0.1)
    run_all(runner, job)
    assert seen(owner, job)["status"] == "completed"
    paid_once(owner)


def test_the_time_counts_on_while_no_worker_lives(owner: Client) -> None:
    made, runner = baker(owner)
    job = submit(owner)
    runner.begin(job.id)
    first = runner.run_step(job.id, "knead", {})
    assert first is not None
    time.sleep(LIMIT + 0.1)
    next_worker = Runner(owner.gateway.jobs, [made])
    assert next_worker.begin(job.id) == "core-voice-clone"
    assert next_worker.run_step(job.id, "bake", {"knead": first}) is None
    timed_out(owner, job)
    assert made.cleaned == ["bread-1"]
    free(owner)


def test_a_step_that_never_reports_is_ended_by_the_worker_beside_it_and_cleans_up_when_it_returns(
    owner: Client,
) -> None:
    returns = threading.Event()

    def hang() -> None:
        returns.wait(20)

    made, runner = baker(owner, hang)
    job = submit(owner)
    step = threading.Thread(target=run_all, args=(runner, job))
    step.start()
    time.sleep(0.2)
    assert _time_out_jobs(owner.gateway, runner) == 0
    time.sleep(LIMIT)
    assert _time_out_jobs(owner.gateway, runner) == 1
    shown = timed_out(owner, job)
    free(owner)
    assert _time_out_jobs(owner.gateway, runner) == 0
    returns.set()
    step.join(20)
    assert made.cleaned == ["bread-1"]
    assert seen(owner, job) == shown
    free(owner)
