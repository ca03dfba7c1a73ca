"""Retries within a job: only for a provider that was busy or unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.jobs.conftest import PRICE, StubHandler, require_free, require_paid_once, shown_job
from tests.support.client import GatewayClient
from voxport.errors import (
    OutcomeUnknown,
    ProviderBusy,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    SampleUnusable,
    VoxportError,
)
from voxport.jobs.models import Job
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob


@dataclass
class ProviderCallingHandler(StubHandler):
    """A handler whose first step calls a provider that raises `failures` in turn."""

    failures: list[VoxportError] = field(default_factory=list)
    tries: int = 0
    meanwhile: Callable[[], None] = lambda: None

    def _first(self, run: JobRun) -> Json:
        run.advance("cloning", 0.2)
        return run.with_retries(self._ask)

    def _ask(self) -> Json:
        self.tries += 1
        if self.failures:
            self.meanwhile()
            raise self.failures.pop(0)
        return {"value": "some"}


@pytest.fixture
def owner(customer: GatewayClient) -> GatewayClient:
    return customer


def run(owner: GatewayClient, handler: ProviderCallingHandler, pauses: tuple[float, ...] = (0.05, 0.05, 0.05)) -> Job:
    job = owner.gateway.jobs.submit(
        NewJob(owner.profile_id, "core-voice-clone", {"input": "some"}, "output-1", PRICE, "req_of_the_job")
    )
    runner = JobRunner(owner.gateway.jobs, [handler], pauses)
    runner.begin(job.id)
    first = runner.run_step(job.id, "first", {})
    if first is not None:
        runner.run_step(job.id, "second", {"first": first})
    return job


BUSY = ProviderBusy("Busy.", retry_after_seconds=0)


def test_a_provider_that_is_busy_or_gone_for_a_while_is_asked_again(owner: GatewayClient) -> None:
    handler = ProviderCallingHandler(owner.gateway, failures=[BUSY, ProviderUnavailable("Down."), BUSY])
    job = run(owner, handler)
    assert shown_job(owner, job)["status"] == "completed"
    assert handler.tries == 4
    require_paid_once(owner)


def test_one_that_stays_so_fails_the_job_with_its_own_words(owner: GatewayClient) -> None:
    handler = ProviderCallingHandler(owner.gateway, failures=[ProviderUnavailable("Down.")] * 9)
    job = run(owner, handler)
    error = shown_job(owner, job)["error"]
    assert (error["code"], error["message"]) == ("provider_unavailable", "Down.")
    assert handler.tries == 4
    assert handler.cleaned == ["output-1"]
    require_free(owner)


@pytest.mark.parametrize(
    "failure",
    [ProviderFailed("No."), ProviderTimeout("Late."), OutcomeUnknown("Lost."), SampleUnusable("Silent.")],
    ids=lambda failure: type(failure).__name__,
)
def test_what_may_have_been_done_or_will_never_go_is_not_tried_again(
    owner: GatewayClient, failure: VoxportError
) -> None:
    handler = ProviderCallingHandler(owner.gateway, failures=[failure] * 2)
    job = run(owner, handler)
    assert shown_job(owner, job)["status"] == "failed"
    assert handler.tries == 1


def test_a_provider_that_asks_for_more_time_gets_it(owner: GatewayClient) -> None:
    handler = ProviderCallingHandler(owner.gateway, failures=[ProviderBusy("Busy.", retry_after_seconds=1)])
    began = time.monotonic()
    run(owner, handler)
    assert time.monotonic() - began >= 1


def test_a_cancel_ends_the_wait(owner: GatewayClient) -> None:
    def cancel() -> None:
        (job,) = owner.get("/v2/jobs").json()["data"]
        assert owner.post(f"/v2/jobs/{job['id']}/cancel").status_code == 200

    handler = ProviderCallingHandler(owner.gateway, failures=[BUSY], meanwhile=cancel)
    began = time.monotonic()
    job = run(owner, handler, pauses=(100.0,))
    assert time.monotonic() - began < 50
    assert (shown_job(owner, job)["status"], handler.tries, handler.cleaned) == ("cancelled", 1, ["output-1"])
    require_free(owner)


def test_the_worker_of_the_gateway_is_told_the_pauses(make_client: Any) -> None:
    client: GatewayClient = make_client(job_retry_seconds="1, 2.5")
    assert client.gateway.settings.job_retry_seconds == (1.0, 2.5)
