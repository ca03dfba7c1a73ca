"""A worker that is killed in the middle of a clone loses nothing and charges nothing twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from voxport.billing.verify import verify
from voxport.cli.synthetic import write_speaker
from voxport.db.session import Database
from voxport.testing.client import Client, Json
from voxport.testing.live import Live, running_gateway

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running_gateway(tmp_path_factory.mktemp("kill")) as live:
        yield live


@pytest.fixture
def client(gateway: Live) -> Iterator[Client]:
    assert gateway.key is not None
    with Client(gateway.address, gateway.key) as client:
        yield client


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speaker") / "speaker.wav"
    write_speaker(path)
    return path


@pytest.mark.parametrize("stage", ["checking", "cloning"])
def test_a_killed_worker_is_replaced_and_its_job_completes_once(
    gateway: Live, client: Client, speaker: Path, stage: str
) -> None:
    voices_before, credits_before = len(_clones(client)), client.balance()["credits"]
    job_id = client.clone(client.upload(speaker))
    worker = _wait_for_stage(gateway, client, job_id, stage)
    engine = _children(worker)
    assert engine, "the worker has no engine"

    os.kill(worker, signal.SIGKILL)
    job = client.wait(job_id)

    assert job["status"] == "completed"
    assert (job["units_consumed"], job["token_cost"]) == (1.0, 5.0)
    assert _clones(client)[0]["voice_id"] == job["result_data"]["voice_id"]
    assert len(_clones(client)) == voices_before + 1
    assert client.balance() == {
        "balance": credits_before - 5.0,
        "credits": credits_before - 5.0,
        "held": 0.0,
        "currency": "token",
    }
    captures = [row for row in client.call("GET", "/v2/billing/ledger")["data"] if row["job_id"] == job_id]
    assert [row["tokens"] for row in captures] == [-5.0]
    assert verify(Database(f"sqlite:///{gateway.data_dir / 'voxport.db'}")) == []
    assert not any(_is_running(pid) for pid in engine), "the killed worker's engine lives on"
    assert _workers(gateway) != [worker]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_gateway_that_ends_in_the_middle_of_a_clone_finishes_it_at_the_next_start(
    tmp_path: Path, speaker: Path, how: signal.Signals
) -> None:
    with running_gateway(tmp_path) as gateway:
        key = str(gateway.key)
        with Client(gateway.address, key) as client:
            job_id = client.clone(client.upload(speaker))
            worker = _wait_for_stage(gateway, client, job_id, "cloning")
        os.kill(gateway.pid, how)
        _wait_until_gone(worker)

    with running_gateway(tmp_path) as gateway, Client(gateway.address, key) as client:
        assert gateway.key is None, "a key is printed at the first start only"
        job = client.wait(job_id)
        assert (job["status"], job["token_cost"]) == ("completed", 5.0)
        assert client.balance() == {"balance": 95.0, "credits": 95.0, "held": 0.0, "currency": "token"}
        assert len(_clones(client)) == 1


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while _is_running(pid):
        assert time.monotonic() < deadline, "the worker outlived its gateway"
        time.sleep(0.05)


def _clones(client: Client) -> list[Json]:
    voices: list[Json] = client.call("GET", "/v1/proxy/core-tts-voices?cloned=true")["data"]["voices"]
    return voices


def _wait_for_stage(gateway: Live, client: Client, job_id: str, stage: str) -> int:
    """The worker's process id, as soon as the job is in that stage."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = client.call("GET", f"/v2/jobs/{job_id}")
        assert job["status"] in ("queued", "processing"), job
        if job["stage"] == stage:
            (worker,) = _workers(gateway)
            return worker
        time.sleep(0.02)
    raise AssertionError(f"the job did not come to {stage}")


def _workers(gateway: Live) -> list[int]:
    return [pid for pid in _children(gateway.pid) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
