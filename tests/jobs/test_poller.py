"""The poller of a queue: at once after a wake-up and after a job's end while others wait, and rarely while idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from dbos._core import WorkflowHandleFuture

from tests.support.server import wait_until
from voxport.jobs import dbos_poller
from voxport.jobs.dbos_poller import ClaimLimits, QueuePoller

LONG = 60.0


class FakeSystem:
    """The functions of DBOS that a poller calls. `waiting` are the jobs of each partition."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[str]] = {}
        self.polls = 0
        self.failure: Exception | None = None
        self.running: dict[str, Future[None]] = {}

    def get_queue_partitions(self, _: str) -> list[str]:
        self.polls += 1
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return [name for name, jobs in self.waiting.items() if jobs]

    def start_queued_workflows(
        self, queue: Any, executor: str, version: str, key: str, running: int, in_partition: int, **_: Any
    ) -> tuple[list[str], None]:
        room = queue.limit - in_partition
        claimed, self.waiting[key] = self.waiting[key][:room], self.waiting[key][room:]
        return claimed, None

    def get_workflow_statuses(self, job_ids: list[str]) -> list[dict[str, str]]:
        return [{"workflow_uuid": job_id} for job_id in job_ids]


class Env:
    def __init__(self, limit: int, *, is_gate_open: bool = True) -> None:
        self.system = FakeSystem()
        self.is_gate_open = is_gate_open
        self.poller = QueuePoller(
            SimpleNamespace(_sys_db=self.system),  # type: ignore[arg-type]
            SimpleNamespace(name="queue", limit=limit),  # type: ignore[arg-type]
            ClaimLimits(limit, is_gate_open=lambda: self.is_gate_open),
            executor_id="worker_1",
            version="1",
            poll_seconds=LONG,
            on_start=lambda job_id: None,
            on_end=lambda job_id: None,
        )

    def start(self, _: Any, status: dict[str, str], __: str) -> Any:
        future: Future[None] = Future()
        self.system.running[status["workflow_uuid"]] = future
        return WorkflowHandleFuture(status["workflow_uuid"], future, None)  # type: ignore[arg-type]

    def end(self, job_id: str) -> None:
        self.system.running.pop(job_id).set_result(None)

    def wait_for(self, *job_ids: str) -> None:
        wait_until(lambda: set(self.system.running) == set(job_ids), seconds=20, what=str(job_ids))


@pytest.fixture
def make_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made: list[Env] = []

    def make(limit: int, **options: Any) -> Env:
        env = Env(limit, **options)
        monkeypatch.setattr(dbos_poller, "execute_dequeued_workflow", env.start)
        made.append(env)
        return env

    yield make
    for env in made:
        env.poller.stop()


def test_a_wake_up_ends_the_wait_of_an_idle_queue(make_env: Any) -> None:
    env = make_env(2)
    env.poller.start()
    wait_until(lambda: env.system.polls, seconds=20, what="the first poll")
    env.system.waiting["local"] = ["a"]
    env.poller.wake()
    env.wait_for("a")


def test_no_more_jobs_run_than_the_limit_and_the_end_of_one_lets_the_next_in(make_env: Any) -> None:
    env = make_env(2)
    env.system.waiting = {"local": ["a", "b", "c"], "elevenlabs": ["x"]}
    env.poller.start()
    env.wait_for("a", "b", "x")
    env.end("a")
    env.wait_for("b", "c", "x")
    env.end("x")
    env.wait_for("b", "c")


def test_a_failed_poll_is_repeated_after_a_wake_up(make_env: Any) -> None:
    env = make_env(1)
    env.system.failure = RuntimeError("the database is away")
    env.system.waiting["local"] = ["a"]
    env.poller.start()
    wait_until(lambda: env.system.polls, seconds=20, what="the first poll")
    env.poller.wake()
    env.wait_for("a")


def test_nothing_is_claimed_while_another_worker_of_the_host_has_the_lock(make_env: Any) -> None:
    env = make_env(1, is_gate_open=False)
    env.system.waiting["local"] = ["a"]
    env.poller.start()
    env.poller.wake()
    assert env.system.polls == 0
    env.is_gate_open = True
    env.poller.wake()
    env.wait_for("a")


def test_a_stopped_queue_claims_nothing(make_env: Any) -> None:
    env = make_env(1)
    env.poller.start()
    stopped = threading.Thread(target=env.poller.stop)
    stopped.start()
    stopped.join(20)
    assert not stopped.is_alive()
    env.system.waiting["local"] = ["a"]
    env.poller.wake()
    assert env.system.running == {}
