"""`voxport serve` as a user starts it: what it prints and when, and that it leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from tests.support import backend
from tests.support.server import run_cli, wait_until
from voxport.cli.main import main
from voxport.testing.running_gateway import LiveGateway, running_gateway

pytestmark = pytest.mark.slow


def children_of(pid: int) -> list[int]:
    """All descendant processes of this one."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *children_of(child)]
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@dataclass
class Lives:
    """Observations of a gateway without a worker that was started, stopped during an event stream, and started again.
    `later` holds the stream's lines after the stop."""

    first: LiveGateway
    first_log: str
    printed: list[str]
    balances: list[httpx2.Response]
    upload_slot: dict[str, str]
    put: httpx2.Response
    read: httpx2.Response
    later: list[str]
    seconds_to_end: float
    profiles: str


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    folder = tmp_path_factory.mktemp("lives")
    with running_gateway(folder, "--no-worker", ready=False) as first, first.client() as client:
        printed, balances = [first.stdout.read_text()], [client.get("/v2/billing/balance")]
        announced = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}
        slot = client.post("/v1/proxy/upload-media", json=announced, headers={"Host": "evil.example"}).json()["data"]
        put = httpx2.put(slot["upload_url"], content=b"RIFF", headers={"Content-Type": "audio/wav"})
        read = httpx2.get(slot["public_url"])
        body = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
        job_id = client.post("/v1/proxy/core-voice-clone", json=body).json()["job"]["id"]
        with client.stream("GET", f"/v2/jobs/{job_id}/events") as stream:
            lines = stream.iter_lines()
            assert any("queued" in line for line in lines)
            began = time.monotonic()
            first.process.terminate()
            later = list(lines)
        first.process.wait(60)
        seconds = time.monotonic() - began
    first_log = first.stderr.read_text()
    with running_gateway(folder, "--no-worker", ready=False) as second:
        printed.append(second.stdout.read_text())
        headers = {"Authorization": f"Bearer {first.key}"}
        balances.append(httpx2.get(f"{second.url}/v2/billing/balance", headers=headers))
    profiles = run_cli("admin", "profiles", "list", cwd=folder).stdout
    return Lives(first, first_log, printed, balances, slot, put, read, later, seconds, profiles)


def test_the_key_is_printed_once_and_only_at_the_first_start(lives: Lives) -> None:
    assert re.fullmatch(r"API key: vxp_[0-9A-Za-z]{38}\n", lives.printed[0])
    assert lives.printed[1] == ""
    assert [answer.json()["data"]["credits"] for answer in lives.balances] == [100, 100]
    assert "vxp_" not in lives.first_log.replace("vxp_***", "")
    assert len(lives.profiles.splitlines()) == 2


@pytest.mark.folder_only("URLs that the gateway signs")
def test_urls_follow_the_port_that_was_taken(lives: Lives) -> None:
    assert lives.upload_slot["upload_url"].startswith(lives.first.url)
    assert lives.put.status_code == 200
    assert lives.read.content == b"RIFF"


def test_a_stop_ends_the_streams_of_events_whole_and_does_not_wait_for_their_jobs(lives: Lives) -> None:
    assert [line for line in lives.later if line.startswith("data")] == []
    assert lives.seconds_to_end < 25, "less than calls that run have"


def test_a_chosen_key_is_used_and_not_repeated(tmp_path: Path) -> None:
    key = "vxp_chosen-by-the-operator"
    with running_gateway(tmp_path, "--no-worker", ready=False, VOXPORT_BOOTSTRAP_KEY=key) as running:
        answer = httpx2.get(f"{running.url}/v2/billing/balance", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    assert running.stdout.read_text() == ""
    assert key not in running.stderr.read_text()
    held = b"".join(path.read_bytes() for path in running.data_dir.rglob("*") if path.is_file())
    assert key.encode() not in held


def test_a_chosen_key_of_the_wrong_form_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    result = run_cli("serve", "--port", "0", cwd=tmp_path, env={"VOXPORT_BOOTSTRAP_KEY": "hunter2"})
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "vxp_" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    data_dir = tmp_path / "data"
    arguments = ["admin", "profiles", "list", "--data-dir", str(data_dir)]
    listed = CliRunner().invoke(main, arguments, env=backend.environment(data_dir))
    assert listed.output.count("prof_") == 0


def test_a_stop_while_the_engine_loads_takes_worker_and_engine_along(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ready=False) as running:
        wait_until(lambda: len(children_of(running.process.pid)) >= 2, seconds=60, what="worker and engine")
        children = children_of(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)
        wait_until(lambda: not any(map(alive, children)), seconds=60, what="the end of all children")
    assert "Traceback" not in running.stderr.read_text()


def test_a_kill_takes_worker_and_engine_along(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as running:
        children = children_of(running.process.pid)
        assert len(children) >= 2
        running.process.kill()
        running.process.wait(60)
        wait_until(lambda: not any(map(alive, children)), seconds=60, what="the end of all children")


def test_a_worker_that_dies_is_started_again_and_a_stop_takes_it_along_with_the_engine(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as running:

        def workers() -> list[int]:
            return [
                pid
                for pid in children_of(running.process.pid)
                if alive(pid) and b"--with-parent" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]

        wait_until(lambda: len(workers()) == 1, seconds=60, what="the worker")
        first = workers()[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: workers() not in ([], [first]), seconds=60, what="another worker")
        assert httpx2.get(f"{running.url}/healthz").status_code == 200
        children = children_of(running.process.pid)
        assert len(children) >= 2
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(60)
        wait_until(lambda: not any(map(alive, children)), seconds=60, what="the end of all children")
    assert "Traceback" not in running.stderr.read_text()
