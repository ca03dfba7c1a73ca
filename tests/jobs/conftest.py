"""Fixtures: a job of two steps on a real database, its handler and its owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.support.client import GatewayClient, open_client
from voxport.billing.verify import verify
from voxport.gateway import Gateway
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.models import Job
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob

PRICE = 5_000_000


@dataclass
class StubHandler(JobHandler):
    """A handler of two steps, the second of which completes the job. `before_first` is called in the first."""

    service = "core-voice-clone"
    stages = ("fetching", "checking", "cloning")
    gateway: Gateway
    before_first: Callable[[], None] = lambda: None
    ran: list[str] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    cleaned_completed: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time_limit = timedelta(seconds=self.gateway.settings.clone_job_seconds)

    def steps(self) -> Sequence[Step]:
        return (("first", self._first), ("second", self._second))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        (self.cleaned_completed if completed else self.cleaned).append(run.output_id)

    def _first(self, run: JobRun) -> Json:
        self.ran.append("first")
        run.advance("fetching", 0.1)
        self.before_first()
        run.advance("checking", 0.4)
        return {"value": run.request["input"]}

    def _second(self, run: JobRun) -> Json:
        self.ran.append("second")

        def make_result(tx: Session) -> dict[str, Any]:
            self.made.append(run.output_id)
            return {"status": "success", "output": run.result_of("first")["value"]}

        self.gateway.jobs.complete(run.job_id, run.hold_id, units=Decimal(1), make_result=make_result)
        return {}


@pytest.fixture
def owner(gateway: Gateway) -> GatewayClient:
    return open_client(gateway)


@pytest.fixture
def stub_handler(gateway: Gateway) -> StubHandler:
    return StubHandler(gateway)


@pytest.fixture
def runner(gateway: Gateway, stub_handler: StubHandler) -> JobRunner:
    return JobRunner(gateway.jobs, [stub_handler])


@pytest.fixture
def job(owner: GatewayClient) -> Job:
    return owner.gateway.jobs.submit(
        NewJob(owner.profile_id, "core-voice-clone", {"input": "some"}, "output-1", PRICE, "req_of_the_job")
    )


def run_all(runner: JobRunner, job: Job) -> dict[str, Json]:
    """Run a queued job as a worker does. Returns the results by step."""
    service = runner.begin(job.id)
    results: dict[str, Json] = {}
    if service is None:
        return results
    for name in runner.step_names(service):
        result = runner.run_step(job.id, name, results)
        if result is None:
            break
        results[name] = result
    return results


def shown_job(owner: GatewayClient, job: Job) -> dict[str, Any]:
    body: dict[str, Any] = owner.get(f"/v2/jobs/{job.id}").json()
    return body


def require_free(owner: GatewayClient) -> None:
    """Check that nothing was charged and nothing is held."""
    assert owner.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert [row["kind"] for row in owner.get("/v2/billing/ledger").json()["data"]] == ["credit"]
    assert verify(owner.gateway.database) == []


def require_paid_once(owner: GatewayClient) -> None:
    assert owner.balance() == {"balance": 95.0, "credits": 95.0, "held": 0.0, "currency": "token"}
    assert [row["tokens"] for row in owner.get("/v2/billing/ledger").json()["data"]] == [-5.0, 100.0]
    assert verify(owner.gateway.database) == []
