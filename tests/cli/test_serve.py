"""`voxport serve` as a user starts it: what it prints, when, and that it goes without a trace."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import httpx2
import pytest

from tests.support.server import run_cli, wait_until
from voxport.testing.live import running_gateway

pytestmark = pytest.mark.slow


def children_of(pid: int) -> list[int]:
    """Every process below this one."""
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


def test_the_key_is_printed_once_and_only_at_the_first_start(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--no-worker", ready=False) as first:
        assert re.fullmatch(r"API key: vxp_[0-9A-Za-z]{38}\n", first.stdout.read_text())
        answer = httpx2.get(f"{first.url}/v2/billing/balance", headers={"X-API-Key": first.key})
        assert answer.json()["data"]["balance"] == 100
        key = first.key
    logs = first.stderr.read_text()
    assert "vxp_" not in logs.replace("vxp_***", "")

    with running_gateway(tmp_path, "--no-worker", ready=False) as second:
        assert second.stdout.read_text() == ""
        answer = httpx2.get(f"{second.url}/v2/billing/balance", headers={"X-API-Key": key})
        assert answer.status_code == 200
    assert len(run_cli("profiles", "list", cwd=tmp_path).stdout.splitlines()) == 2


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
    made = run_cli("serve", "--port", "0", cwd=tmp_path, env={"VOXPORT_BOOTSTRAP_KEY": "hunter2"})
    assert made.returncode != 0
    assert "Traceback" not in made.stderr
    assert "vxp_" in made.stderr
    assert "hunter2" not in made.stdout + made.stderr
    assert run_cli("profiles", "list", cwd=tmp_path).stdout.count("prof_") == 0


def test_urls_follow_the_port_that_was_taken(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--no-worker", ready=False) as running:
        place = httpx2.post(
            f"{running.url}/v1/proxy/upload-media",
            json={"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"},
            headers={"X-API-Key": running.key, "Host": "evil.example"},
        ).json()["data"]
        assert place["upload_url"].startswith(running.url)
        put = httpx2.put(place["upload_url"], content=b"RIFF", headers={"Content-Type": "audio/wav"})
        assert put.status_code == 200
        assert httpx2.get(place["public_url"]).content == b"RIFF"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_takes_worker_and_engine_along(tmp_path: Path, number: signal.Signals) -> None:
    with running_gateway(tmp_path) as running:
        children = children_of(running.process.pid)
        assert len(children) >= 2
        running.process.send_signal(number)
        running.process.wait(30)
        wait_until(lambda: not any(map(alive, children)), seconds=20, what="the end of all children")
    assert "Traceback" not in running.stderr.read_text()


def test_a_kill_takes_worker_and_engine_along(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as running:
        children = children_of(running.process.pid)
        running.process.kill()
        running.process.wait(30)
        wait_until(lambda: not any(map(alive, children)), seconds=20, what="the end of all children")


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    import os

    with running_gateway(tmp_path) as running:

        def workers() -> list[int]:
            return [
                pid
                for pid in children_of(running.process.pid)
                if alive(pid) and b"--with-parent" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]

        wait_until(lambda: len(workers()) == 1, seconds=30, what="the worker")
        first = workers()[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: workers() not in ([], [first]), seconds=30, what="another worker")
        assert httpx2.get(f"{running.url}/healthz").status_code == 200


def test_a_stop_ends_the_streams_of_events_whole_and_does_not_wait_for_their_jobs(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--no-worker", ready=False) as gateway, gateway.client() as client:
        body = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
        job_id = client.post("/v1/proxy/core-voice-clone", json=body).json()["job"]["id"]
        with client.stream("GET", f"/v2/jobs/{job_id}/events") as stream:
            lines = stream.iter_lines()
            assert any("queued" in line for line in lines)
            began = time.monotonic()
            gateway.process.terminate()
            assert [line for line in lines if line.startswith("data")] == []
        gateway.process.wait(20)
        assert time.monotonic() - began < 15
