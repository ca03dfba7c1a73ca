"""Transient errors of the machine (a full disk, a locked database) end no job: the step is retried afterwards."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from tests.jobs.conftest import StubHandler, require_free, require_paid_once, run_all, shown_job
from tests.support.client import GatewayClient
from voxport import worker
from voxport.db.session import Database
from voxport.errors import Unavailable
from voxport.gateway import Gateway
from voxport.jobs.models import Job
from voxport.jobs.run import JobRun
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob
from voxport.speech.parts import StoredParts
from voxport.storage.local import LocalStorage

FULL = OSError(errno.ENOSPC, "No space left on device")
BUSY = sqlite3.OperationalError("database is locked")
BUSY.sqlite_errorcode = sqlite3.SQLITE_BUSY
LOCKED = OperationalError("BEGIN IMMEDIATE", None, BUSY)


def failing(error: Exception, times: int = 1) -> Callable[..., None]:
    left = [error] * times

    def fail(*_: object, **__: object) -> None:
        if left:
            raise left.pop()

    return fail


@pytest.mark.parametrize("trouble", [FULL, LOCKED, Unavailable("The disk is away.")], ids=["disk", "database", "ours"])
def test_trouble_in_a_step_leaves_the_job_open_and_the_next_run_completes_it(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job, trouble: Exception
) -> None:
    stub_handler.before_first = failing(trouble)
    with pytest.raises(type(trouble)):
        run_all(runner, job)
    assert shown_job(owner, job)["status"] == "processing"
    assert owner.balance()["held"] == 5.0
    assert stub_handler.cleaned == []
    run_all(runner, job)
    assert shown_job(owner, job)["status"] == "completed"
    require_paid_once(owner)


def test_a_file_that_is_not_there_is_no_trouble_and_ends_the_job(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    stub_handler.before_first = failing(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    run_all(runner, job)
    assert shown_job(owner, job)["status"] == "failed"
    require_free(owner)


def test_a_clean_up_that_fails_is_done_by_the_next_run(owner: GatewayClient, job: Job, gateway: Gateway) -> None:
    class CleanUpOnFullDisk(StubHandler):
        fail = staticmethod(failing(FULL, times=2))

        def clean_up(self, run: JobRun, *, completed: bool) -> None:
            self.fail()
            super().clean_up(run, completed=completed)

    def break_down() -> None:
        raise ValueError("broken")

    stub_handler = CleanUpOnFullDisk(gateway, before_first=break_down)
    runner = JobRunner(gateway.jobs, [stub_handler])
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            run_all(runner, job) if not stub_handler.ran else runner.run_step(job.id, "first", {})
        assert shown_job(owner, job)["status"] == "failed"
    assert runner.run_step(job.id, "first", {}) is None
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_job_whose_clean_up_fails_is_given_up_another_time(owner: GatewayClient, job: Job, gateway: Gateway) -> None:
    class CleanUpOnFullDisk(StubHandler):
        fail = staticmethod(failing(FULL))

        def clean_up(self, run: JobRun, *, completed: bool) -> None:
            self.fail()
            super().clean_up(run, completed=completed)

    stub_handler = CleanUpOnFullDisk(gateway)
    runner = JobRunner(gateway.jobs, [stub_handler])
    with pytest.raises(OSError, match="No space"):
        runner.fail_lost(job)
    assert shown_job(owner, job)["status"] == "queued"
    assert runner.fail_lost(job)
    assert not runner.fail_lost(job)
    assert shown_job(owner, job)["status"] == "failed"
    assert stub_handler.cleaned == ["output-1"]
    require_free(owner)


def test_a_lost_job_that_can_not_be_cleaned_up_keeps_no_other_one_waiting(
    owner: GatewayClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CleanUpOnBadDisk(StubHandler):
        def clean_up(self, run: JobRun, *, completed: bool) -> None:
            if run.output_id == "output-1":
                raise FULL
            super().clean_up(run, completed=completed)

    first, second = (
        gateway.jobs.submit(
            NewJob(owner.profile_id, "core-voice-clone", {"input": "some"}, f"output-{number}", 5_000_000, "req_1")
        )
        for number in (1, 2)
    )
    monkeypatch.setattr(worker, "_MIN_LOST_AGE", timedelta(0))
    monkeypatch.setattr(worker, "lost_jobs", lambda _: [first.id, second.id])
    assert worker._fail_lost_jobs(gateway, JobRunner(gateway.jobs, [CleanUpOnBadDisk(gateway)])) == 1
    assert shown_job(owner, first)["status"] == "queued"
    assert shown_job(owner, second)["status"] == "failed"


def test_a_job_that_completed_meanwhile_is_not_given_up(
    owner: GatewayClient, runner: JobRunner, stub_handler: StubHandler, job: Job
) -> None:
    run_all(runner, job)
    assert not runner.fail_lost(job), "it was open when it was looked for"
    assert stub_handler.cleaned == []
    require_paid_once(owner)


def test_a_piece_that_was_paid_for_waits_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("voxport.speech.parts.time.sleep", pauses.append)
    storage = LocalStorage(tmp_path)
    put, fail = storage.put, failing(FULL, times=3)

    def put_sometimes(key: str, data: bytes) -> None:
        fail()
        put(key, data)

    monkeypatch.setattr(storage, "put", put_sometimes)
    parts = StoredParts(storage, "job")
    parts.add({"next": 1}, np.zeros(10, np.int16))
    assert len(pauses) == 3
    assert StoredParts(storage, "job").last_resume_token() == {"next": 1}
    monkeypatch.setattr(storage, "put", lambda key, data: (_ for _ in ()).throw(FULL))
    with pytest.raises(OSError, match="No space"):
        parts.add({"next": 2}, np.zeros(10, np.int16))
    assert len(StoredParts(storage, "job")) == 1


@pytest.mark.sqlite_only("one writer at a time")
def test_who_waits_for_the_right_to_write_does_not_wait_for_ever(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if another process held the lock: without a total limit, each waiter would wait for all before it."""
    monkeypatch.setattr("voxport.db.session.BUSY_TIMEOUT_SECONDS", 0.3)
    inside, go_on = threading.Event(), threading.Event()

    def hold(database: Database) -> None:
        with database.transaction():
            inside.set()
            go_on.wait(100)

    thread = threading.Thread(target=hold, args=(gateway.database,))
    thread.start()
    inside.wait(20)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked") as caught, gateway.database.transaction():
        raise AssertionError("it is taken")
    assert time.monotonic() - began < 50
    assert getattr(caught.value.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    go_on.set()
    thread.join()
    with gateway.database.transaction():
        pass
