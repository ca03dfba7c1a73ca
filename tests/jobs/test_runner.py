"""Steps of a job on the real database: what goes wrong in one ends the job, once, and cleans up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from tests.jobs.conftest import PRICE, Baker, free, paid_once, run_all, seen
from tests.support.client import Client
from voxport.errors import SampleUnusable
from voxport.jobs.models import Job
from voxport.jobs.port import JobGone, Json
from voxport.jobs.run import JobRun
from voxport.jobs.runner import Runner
from voxport.jobs.service import NewJob


def test_a_job_that_goes_well_completes_and_is_charged(owner: Client, runner: Runner, baker: Baker, job: Job) -> None:
    run_all(runner, job)
    shown = seen(owner, job)
    assert shown["status"] == "completed"
    assert shown["stage"] == "done"
    assert shown["progress"] == 1.0
    assert shown["result_data"] == {"status": "success", "bread": "rye"}
    assert (shown["units_consumed"], shown["token_cost"]) == (1.0, 5.0)
    assert shown["created_at"] <= shown["started_at"] <= shown["finished_at"]
    assert "error" not in shown
    assert baker.cleaned == []
    paid_once(owner)
    row = owner.get("/v2/billing/ledger").json()["data"][0]
    assert (row["job_id"], row["request_id"], row["units"]) == (job.id, "req_of_the_job", 1.0)


def test_progress_is_seen_while_a_step_runs(owner: Client, runner: Runner, baker: Baker, job: Job) -> None:
    states: list[tuple[str, str, float]] = []

    def look() -> None:
        shown = seen(owner, job)
        states.append((shown["status"], shown["stage"], shown["progress"]))

    baker.before_first = look
    run_all(runner, job)
    assert states == [("processing", "fetching", 0.1)]


def test_a_cancel_while_a_step_runs_ends_the_job_cleans_up_and_releases_once(
    owner: Client, runner: Runner, baker: Baker, job: Job
) -> None:
    def cancel() -> None:
        owner.post(f"/v2/jobs/{job.id}/cancel").raise_for_status()

    baker.before_first = cancel
    assert run_all(runner, job) == {}
    assert seen(owner, job)["status"] == "cancelled"
    assert baker.ran == ["knead"]
    assert baker.cleaned == ["bread-1"]
    free(owner)


def test_a_cancel_between_two_steps_cleans_up(owner: Client, runner: Runner, baker: Baker, job: Job) -> None:
    runner.begin(job.id)
    first = runner.run_step(job.id, "knead", {})
    assert first is not None
    assert owner.post(f"/v2/jobs/{job.id}/cancel").status_code == 200
    assert runner.run_step(job.id, "bake", {"knead": first}) is None
    assert baker.ran == ["knead"]
    assert baker.cleaned == ["bread-1"]
    free(owner)


def test_a_cancel_at_the_last_moment_beats_the_completion(owner: Client, baker: Baker, job: Job) -> None:
    class CancelledInTheOven(Baker):
        def _bake(self, run: JobRun) -> Json:
            owner.post(f"/v2/jobs/{job.id}/cancel").raise_for_status()
            return super()._bake(run)

    late = CancelledInTheOven(owner.gateway)
    run_all(Runner(owner.gateway.jobs, [late]), job)
    assert seen(owner, job)["status"] == "cancelled"
    assert late.made == []
    assert late.cleaned == ["bread-1"]
    free(owner)


def test_a_queued_job_that_was_cancelled_is_never_begun(owner: Client, runner: Runner, baker: Baker, job: Job) -> None:
    assert owner.post(f"/v2/jobs/{job.id}/cancel").status_code == 200
    run_all(runner, job)
    assert baker.ran == []
    assert seen(owner, job)["started_at"] is None
    free(owner)


def test_an_error_for_the_customer_fails_the_job_with_its_words(
    owner: Client, runner: Runner, baker: Baker, job: Job
) -> None:
    def refuse() -> None:
        raise SampleUnusable("The flour is wet. Dry it.", details={"moisture": 0.9})

    baker.before_first = refuse
    run_all(runner, job)
    shown = seen(owner, job)
    assert shown["status"] == "failed"
    assert shown["error"] == {
        "code": "sample_unusable",
        "message": "The flour is wet. Dry it.",
        "request_id": "req_of_the_job",
        "details": {"moisture": 0.9},
    }
    assert shown["result_data"] is None
    assert baker.cleaned == ["bread-1"]
    free(owner)


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("secret detail"), KeyError("/home/secret"), AssertionError()], ids=repr
)
def test_a_bug_fails_the_job_and_keeps_its_detail_for_the_log(
    owner: Client, runner: Runner, baker: Baker, job: Job, bug: Exception
) -> None:
    def break_down() -> None:
        raise bug

    baker.before_first = break_down
    run_all(runner, job)
    shown = seen(owner, job)
    assert shown["status"] == "failed"
    assert shown["error"]["code"] == "internal_error"
    assert "secret" not in str(shown)
    assert baker.cleaned == ["bread-1"]
    free(owner)


def test_a_step_that_runs_again_after_a_kill_makes_and_charges_once(
    owner: Client, runner: Runner, baker: Baker, job: Job
) -> None:
    """The worker died after a step and before its result was kept: the step runs a second time."""
    runner.begin(job.id)
    assert runner.begin(job.id) == "core-voice-clone"
    first = runner.run_step(job.id, "knead", {})
    assert runner.run_step(job.id, "knead", {}) == first
    assert first is not None
    results = {"knead": first}
    assert runner.run_step(job.id, "bake", results) == {}
    before = seen(owner, job)
    assert runner.run_step(job.id, "bake", results) is None
    assert runner.run_step(job.id, "knead", {}) is None
    assert runner.begin(job.id) is None
    assert seen(owner, job) == before
    assert baker.made == ["bread-1"]
    assert baker.cleaned == []
    paid_once(owner)


def test_a_failed_step_that_runs_again_fails_once(owner: Client, runner: Runner, baker: Baker, job: Job) -> None:
    def refuse() -> None:
        raise SampleUnusable("first")

    baker.before_first = refuse
    run_all(runner, job)
    before = seen(owner, job)
    assert runner.run_step(job.id, "knead", {}) is None
    assert seen(owner, job) == before
    free(owner)


def test_what_cannot_be_made_is_not_charged(owner: Client, job: Job) -> None:
    class Clumsy(Baker):
        def _bake(self, run: JobRun) -> Json:
            def drop(tx: Session) -> dict[str, Any]:
                raise RuntimeError("dropped")

            self.gateway.jobs.complete(run.job_id, run.hold_id, units=Decimal(1), make=drop)
            return {}

    clumsy = Clumsy(owner.gateway)
    run_all(Runner(owner.gateway.jobs, [clumsy]), job)
    assert seen(owner, job)["status"] == "failed"
    assert clumsy.cleaned == ["bread-1"]
    free(owner)


def test_a_job_that_is_not_being_processed_cannot_be_advanced_or_completed(owner: Client, job: Job) -> None:
    jobs = owner.gateway.jobs
    for _ in range(2):
        with pytest.raises(JobGone):
            jobs.advance(job.id, "cloning", 0.5)
        with pytest.raises(JobGone):
            jobs.complete(job.id, job.hold_id, units=Decimal(1), make=lambda tx: {})
        if seen(owner, job)["status"] == "queued":
            jobs.cancel(owner.profile_id, job.id)
    with pytest.raises(JobGone):
        jobs.begin(job.id)
    free(owner)


def test_a_job_that_is_unknown_is_left_alone(runner: Runner) -> None:
    assert runner.begin("nobody") is None
    assert runner.run_step("nobody", "knead", {}) is None


def test_a_job_that_cannot_be_queued_leaves_neither_row_nor_hold(owner: Client) -> None:
    with pytest.raises(StatementError, match="serializable"):
        owner.gateway.jobs.submit(
            NewJob(owner.profile_id, "core-voice-clone", {"flour": object()}, "bread-2", PRICE, "req_x")
        )
    assert owner.get("/v2/jobs").json()["data"] == []
    free(owner)
