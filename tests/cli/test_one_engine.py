"""`voxport serve` and its worker share one engine, which runs only where it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.server import wait_until
from voxport.testing.running_gateway import LiveGateway, running_command, running_gateway

pytestmark = pytest.mark.slow

SPEECH = "/v1/proxy/core-tts"
HOSTED = {"VOXPORT_ELEVENLABS_API_KEY": "a-key", "VOXPORT_ELEVENLABS_BASE_URL": "http://127.0.0.1:9"}
TEXT = {"text": "Hello.", "voice_id": "af_heart", "provider": "local"}


def engines_of(live: LiveGateway) -> list[psutil.Process]:
    """The engines of this gateway. Its processes are told by the data folder, since one may outlive its parent."""
    folder = str(live.data_dir / "engine")
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "voxport.engine.process.server" in (process.info["cmdline"] or []) and folder in _folders(process)
    ]


def _folders(process: psutil.Process) -> set[str]:
    try:
        return {str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()}
    except OSError:
        return set()


def spoken_as_a_job(http: httpx2.Client) -> dict[str, Any]:
    job: dict[str, Any] = http.post(SPEECH, json=TEXT, headers={"Prefer": "respond-async"}).json()["job"]

    def is_done() -> bool:
        job.update(http.get(f"/v2/jobs/{job['id']}").json())
        return job["status"] in ("completed", "failed")

    wait_until(is_done, seconds=120, what="the end of the job")
    return job


@contextmanager
def hosted_gateway(folder: Path) -> Iterator[LiveGateway]:
    with running_gateway(folder, ready=True, **HOSTED) as live:
        yield live


def test_a_gateway_of_hosted_providers_starts_the_engine_with_the_first_call_and_all_processes_share_it(
    tmp_path: Path,
) -> None:
    with hosted_gateway(tmp_path) as live, live.client() as http:
        assert http.get("/readyz").json()["checks"]["engine"] == "ok"
        assert engines_of(live) == []
        assert http.get("/v1/proxy/core-tts-voices?provider=local").status_code == 200
        assert engines_of(live) == [], "nothing has been spoken"
        assert http.post(SPEECH, json=TEXT).status_code == 200
        (engine,) = engines_of(live)

        arguments = ["worker", "--data-dir", str(live.data_dir)]
        with running_command(arguments, tmp_path / "more", tmp_path / "out.txt", tmp_path / "err.txt", **HOSTED):
            assert [spoken_as_a_job(http)["status"] for _ in range(3)] == ["completed"] * 3
            assert engines_of(live) == [engine]

        engine.kill()
        assert http.post(SPEECH, json=TEXT).status_code == 200
        assert spoken_as_a_job(http)["status"] == "completed"
        (engine,) = engines_of(live)

        live.process.kill()
        live.process.wait(60)
        wait_until(lambda: not engine.is_running() or engine.status() == "zombie", seconds=60, what="the engine's end")
    assert "Traceback" not in live.stderr.read_text()


def test_the_engine_outlives_the_process_that_started_it_while_another_uses_it(tmp_path: Path) -> None:
    """The worker starts the engine, and is killed."""
    with hosted_gateway(tmp_path) as live, live.client() as http:
        assert spoken_as_a_job(http)["status"] == "completed"
        (engine,) = engines_of(live)
        assert http.post(SPEECH, json=TEXT).status_code == 200
        worker = psutil.Process(engine.ppid())
        assert "worker" in worker.cmdline()
        worker.kill()
        assert http.post(SPEECH, json=TEXT).status_code == 200
        assert spoken_as_a_job(http)["status"] == "completed"
        assert engines_of(live) == [engine]
