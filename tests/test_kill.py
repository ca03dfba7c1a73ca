"""A gateway that is stopped or killed during a clone loses nothing and charges nothing twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.raw_client import Client, Json
from tests.support.speaker import short_speaker
from voxport.testing.running_gateway import LiveGateway, running_gateway

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speaker") / "speaker.wav"
    path.write_bytes(short_speaker())
    return path


def test_a_clone_whose_gateway_is_stopped_and_then_killed_is_finished_at_the_next_start(
    tmp_path: Path, speaker: Path
) -> None:
    """SIGTERM and SIGKILL interrupt the same clone, so its job is resumed twice. The fit is too long to end before the
    last start."""
    key, job_id = "", ""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with running_gateway(tmp_path, VOXPORT_FIT_STEPS="100") as gateway:
            assert bool(gateway.key) == (not key), "a key is printed at the first start only"
            key = key or gateway.key
            with Client(gateway.url, key) as client:
                job_id = job_id or client.clone(client.upload(speaker))
                worker = _wait_for_stage(gateway, client, job_id, "cloning")
                assert client.balance()["held"] == 5.0
            os.kill(gateway.process.pid, how)
            _wait_until_gone(worker)

    with running_gateway(tmp_path, ready=False, VOXPORT_FIT_STEPS="1") as gateway, Client(gateway.url, key) as client:
        assert gateway.key == "", "a key is printed at the first start only"
        job = client.wait_for_job(job_id)
        assert (job["status"], job["token_cost"]) == ("completed", 5.0)
        assert client.balance() == {"balance": 95.0, "credits": 95.0, "held": 0.0, "currency": "token"}
        assert len(_clones(client)) == 1


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while _is_running(pid):
        assert time.monotonic() < deadline, "the worker outlived its gateway"
        time.sleep(0.05)


def _clones(client: Client) -> list[Json]:
    voices: list[Json] = client.call("GET", "/v1/proxy/core-tts-voices?cloned=true")["data"]["voices"]
    return voices


def _wait_for_stage(gateway: LiveGateway, client: Client, job_id: str, stage: str) -> int:
    """Waits until the job is in that stage, and returns the worker's process id."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = client.call("GET", f"/v2/jobs/{job_id}")
        assert job["status"] in ("queued", "processing"), job
        if job["stage"] == stage:
            (worker,) = _workers(gateway)
            return worker
        time.sleep(0.02)
    raise AssertionError(f"the job did not come to {stage}")


def _workers(gateway: LiveGateway) -> list[int]:
    return [pid for pid in _children(gateway.process.pid) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
