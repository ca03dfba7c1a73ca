"""The gateway as a user starts it: its worker serves metrics, and both processes send traces."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from tests.support.otlp import running_collector
from tests.support.server import wait_until
from voxport.testing.running_gateway import running_gateway

ADMIN = "an operator's key of more than 32 letters"


@pytest.mark.slow
def test_the_worker_serves_its_metrics_and_a_job_is_one_trace_of_two_processes(tmp_path: Path) -> None:
    settings = {"VOXPORT_ADMIN_KEY": ADMIN, "VOXPORT_WORKER_METRICS_PORT": "0", "VOXPORT_FIT_STEPS": "1"}
    with (
        running_collector() as collector,
        running_gateway(tmp_path, ready=False, VOXPORT_OTEL_ENDPOINT=collector.url, **settings) as gateway,
    ):
        with gateway.client() as client:
            body = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}
            slot = client.post("/v1/proxy/upload-media", json=body).json()["data"]
            # Without the key: the URL is of the storage.
            httpx2.put(slot["upload_url"], content=b"no recording", headers={"Content-Type": "audio/wav"})
            clone = {"audioUrl": slot["public_url"], "provider": "local"}
            assert client.post("/v1/proxy/core-voice-clone", json=clone).status_code == 202
            spans = collector.wait_for("POST /v1/proxy/core-voice-clone", "job core-voice-clone sample")
            (request,) = [one for one in spans if one.name == "POST /v1/proxy/core-voice-clone"]
            (step,) = [one for one in spans if one.name == "job core-voice-clone sample"]
            assert (request.trace, request.process, step.process) == (step.trace, "api", "worker")
            admin = {"Authorization": f"Bearer {ADMIN}"}
            shared = client.get("/metrics", headers=admin).text
            assert re.search(r"^voxport_workers_alive 1\.0$", shared, re.MULTILINE)
        found: list[str] = []

        def has_port() -> bool:
            found[:] = re.findall(r'"metrics are served".*?"port": (\d+)', gateway.stderr.read_text())
            return bool(found)

        wait_until(has_port, seconds=30, what="the worker's port")
        url = f"http://127.0.0.1:{found[0]}/metrics"
        assert httpx2.get(url).status_code == 401
        worker = httpx2.get(url, headers=admin).text
        assert (
            'voxport_job_step_duration_seconds_count{outcome="ended",service="core-voice-clone",step="sample"}'
            in worker
        )
        assert "process_resident_memory_bytes" in worker
    # The last spans are sent when the processes end.
    assert collector.named("queue core-voice-clone")
