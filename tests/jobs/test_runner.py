"""Steps of a job on the real database: an error in one ends the job once and cleans up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from tests.jobs.conftest import PRICE, StubHandler, require_free, require_paid_once, run_all, shown_job
from tests.support.client import GatewayClient
from voxport.errors import SampleUnusable
from voxport.jobs.models import Job
from voxport.jobs.port import JobNotActive, Json
from voxport.jobs.run import JobRun
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob


def test_a_job_that_goes_well_completes_and_is_charged(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    run_all(runner, job)
    shown = shown_job(owner, job)
    assert shown["status"] == "completed"
    assert shown["stage"] == "done"
    assert shown["progress"] == 1.0
    assert shown["result_data"] == {"status": "success", "output": "some"}
    assert (shown["units_consumed"], shown["token_cost"]) == (1.0, 5.0)
    assert shown["created_at"] <= shown["started_at"] <= shown["finished_at"]
    assert "error" not in shown
    assert stub_handler.cleaned == []
    require_paid_once(owner)
    row = owner.get("/v2/billing/ledger").json()["data"][0]
    assert (row["job_id"], row["request_id"], row["units"]) == (job.id, "req_of_the_job", 1.0)


def test_progress_is_seen_while_a_step_runs(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    states: list[tuple[str, str, float]] = []

    def look() -> None:
        shown = shown_job(owner, job)
        states.append((shown["status"], shown["stage"], shown["progress"]))

    stub_handler.before_first = look
    run_all(runner, job)
    assert states == [("processing", "fetching", 0.1)]


def test_a_cancel_while_a_step_runs_ends_the_job_cleans_up_and_releases_once(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    def cancel() -> None:
        owner.post(f"/v2/jobs/{job.id}/cancel").raise_for_status()

    stub_handler.before_first = cancel
    assert run_all(runner, job) == {}
    assert shown_job(owner, job)["status"] == "cancelled"
    assert stub_handler.ran == ["first"]
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_cancel_between_two_steps_cleans_up(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    runner.begin(job.id)
    first = runner.run_step(job.id, "first", {})
    assert first is not None
    assert owner.post(f"/v2/jobs/{job.id}/cancel").status_code == 200
    assert runner.run_step(job.id, "second", {"first": first}) is None
    assert stub_handler.ran == ["first"]
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_cancel_at_the_last_moment_beats_the_completion(
    owner: GatewayClient, stub_handler: StubHandler, job: Job
) -> None:
    class CancelledInSecondStep(StubHandler):
        def _second(self, run: JobRun) -> Json:
            owner.post(f"/v2/jobs/{job.id}/cancel").raise_for_status()
            return super()._second(run)

    late = CancelledInSecondStep(owner.gateway)
    run_all(JobRunner(owner.gateway.jobs, [late]), job)
    assert shown_job(owner, job)["status"] == "cancelled"
    assert late.made == []
    assert late.cleaned == ["output-1"]
    require_free(owner)


def test_a_queued_job_that_was_cancelled_is_never_begun(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    assert owner.post(f"/v2/jobs/{job.id}/cancel").status_code == 200
    run_all(runner, job)
    assert stub_handler.ran == []
    assert shown_job(owner, job)["started_at"] is None
    require_free(owner)


def test_an_error_for_the_customer_fails_the_job_with_its_words(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    def refuse() -> None:
        raise SampleUnusable("The sample is noisy. Record it again.", details={"noise": 0.9})

    stub_handler.before_first = refuse
    run_all(runner, job)
    shown = shown_job(owner, job)
    assert shown["status"] == "failed"
    assert shown["error"] == {
        "code": "sample_unusable",
        "message": "The sample is noisy. Record it again.",
        "request_id": "req_of_the_job",
        "details": {"noise": 0.9},
    }
    assert shown["result_data"] is None
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("secret detail"), KeyError("/home/secret"), AssertionError()], ids=repr
)
def test_a_bug_fails_the_job_and_keeps_its_detail_for_the_log(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job, bug: Exception
) -> None:
    def break_down() -> None:
        raise bug

    stub_handler.before_first = break_down
    run_all(runner, job)
    shown = shown_job(owner, job)
    assert shown["status"] == "failed"
    assert shown["error"]["code"] == "internal_error"
    assert "secret" not in str(shown)
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_step_that_runs_again_after_a_kill_makes_and_charges_once(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    """The worker died after a step but before its result was stored, so the step runs a second time."""
    runner.begin(job.id)
    assert runner.begin(job.id) == "core-voice-clone"
    first = runner.run_step(job.id, "first", {})
    assert runner.run_step(job.id, "first", {}) == first
    assert first is not None
    results = {"first": first}
    assert runner.run_step(job.id, "second", results) == {}
    before = shown_job(owner, job)
    assert runner.run_step(job.id, "second", results) is None
    assert runner.run_step(job.id, "first", {}) is None
    assert runner.begin(job.id) is None
    assert shown_job(owner, job) == before
    assert stub_handler.made == ["output-1"]
    assert stub_handler.cleaned == []
    require_paid_once(owner)


def test_a_failed_step_that_runs_again_fails_once(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    def refuse() -> None:
        raise SampleUnusable("first")

    stub_handler.before_first = refuse
    run_all(runner, job)
    before = shown_job(owner, job)
    assert runner.run_step(job.id, "first", {}) is None
    assert shown_job(owner, job) == before
    require_free(owner)


def test_what_cannot_be_made_is_not_charged(owner: GatewayClient, job: Job) -> None:
    class FailsInTransaction(StubHandler):
        def _second(self, run: JobRun) -> Json:
            def drop(tx: Session) -> dict[str, Any]:
                raise RuntimeError("dropped")

            self.gateway.jobs.complete(run.job_id, run.hold_id, units=Decimal(1), make_result=drop)
            return {}

    failing_handler = FailsInTransaction(owner.gateway)
    run_all(JobRunner(owner.gateway.jobs, [failing_handler]), job)
    assert shown_job(owner, job)["status"] == "failed"
    assert failing_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_job_that_is_not_being_processed_cannot_be_advanced_or_completed(owner: GatewayClient, job: Job) -> None:
    jobs = owner.gateway.jobs
    for _ in range(2):
        with pytest.raises(JobNotActive):
            jobs.advance(job.id, "cloning", 0.5)
        with pytest.raises(JobNotActive):
            jobs.complete(job.id, job.hold_id, units=Decimal(1), make_result=lambda tx: {})
        if shown_job(owner, job)["status"] == "queued":
            jobs.cancel(owner.profile_id, job.id)
    with pytest.raises(JobNotActive):
        jobs.begin(job.id)
    require_free(owner)


def test_a_job_that_is_unknown_is_left_alone(runner: JobRunner) -> None:
    assert runner.begin("nobody") is None
    assert runner.run_step("nobody", "first", {}) is None


def test_a_job_that_cannot_be_queued_leaves_neither_row_nor_hold(owner: GatewayClient) -> None:
    with pytest.raises((StatementError, TypeError), match="serializable"):
        owner.gateway.jobs.submit(
            NewJob(owner.profile_id, "core-voice-clone", {"input": object()}, "output-2", PRICE, "req_x")
        )
    assert owner.get("/v2/jobs").json()["data"] == []
    require_free(owner)
