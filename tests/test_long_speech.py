"""A long text as a job of the real gateway: resumed after a kill, and measured when complete."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from benchmarks.raw_client import Client
from tests.support.ebur128 import measure
from tests.support.server import run_cli, wait_until
from tests.support.stored import storage_of
from tests.test_live import TTS, data_of, finished, worker_of
from voxport.providers.base import SAMPLE_RATE
from voxport.storage.base import FileInfo
from voxport.testing.running_gateway import LiveGateway, running_gateway

pytestmark = pytest.mark.slow

SENTENCE = "Chapter {}. The old keeper climbed the winding stairs to light the lamp above the bay.\n\n"
TEXT = "".join(SENTENCE.format(number) for number in ("one", "two", "three", "four"))
"""The job stores each paragraph as a part."""

LATER = {"Prefer": "respond-async"}


def parts(live: LiveGateway, job_id: str) -> dict[str, FileInfo]:
    """The stored parts of a job, each with its size and the time of its last write."""
    found = storage_of(live).scan(f"jobs/{job_id}")
    return {part.key: part for part in found if part.key.endswith(".part")}


def kill_the_worker(live: LiveGateway) -> None:
    wait_until(lambda: worker_of(live) is not None, seconds=60, what="a worker")
    os.kill(worker_of(live) or 0, signal.SIGKILL)


def spoken_parts(log: Path) -> Counter[int]:
    """How often each part was spoken, according to the worker's log."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if "a part was spoken" in line]
    return Counter(line["part"] for line in lines)


def test_a_long_job_whose_worker_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    with running_gateway(tmp_path, VOXPORT_LOG_LEVEL="debug") as live, live.client() as http:
        body = {"text": TEXT, "voice_id": "af_heart", "output_format": "wav"}
        jobs: list[dict[str, Any]] = []
        is_seen = False
        while not is_seen:
            assert len(jobs) < 5, "no job was killed in its middle"
            job_id = data_of(http.post(TTS, json=body, headers=LATER), 202)["job"]["id"]
            is_seen = killed_in_its_middle(live, http, job_id)
            jobs.append(finished(http, job_id))
            assert jobs[-1]["status"] == "completed", jobs[-1]
        job = jobs[-1]
        assert set(spoken_parts(live.stderr).values()) == {len(jobs)}
        rows = [row for row in data_of(http.get("/v2/billing/ledger"))["data"] if row["kind"] == "capture"]
        charged = {row["job_id"]: row["units"] for row in rows}
        assert len(rows) == len(charged)
        assert charged == {one["id"]: one["units_consumed"] for one in jobs}
        assert data_of(http.get("/v2/billing/balance"))["data"]["held"] == 0
        audio = httpx2.get(job["result_data"]["url"], timeout=60).content
        assert not parts(live, job_id)
    assert run_cli("admin", "ledger", "verify", cwd=tmp_path).stdout == "ledger clean\n"
    with wave.open(io.BytesIO(audio)) as file:
        assert file.getnframes() / SAMPLE_RATE == pytest.approx(job["units_consumed"], abs=0.0501)
    level = measure(audio)
    assert level.integrated == pytest.approx(-18, abs=1)
    assert level.true_peak < -1


def killed_in_its_middle(live: LiveGateway, http: httpx2.Client, job_id: str) -> bool:
    """Kills the worker after two parts of the job, waits until another worker has added a part, and asserts that the
    earlier parts are unchanged. Returns False if the job ended first, which can happen on a busy machine."""

    def is_over() -> bool:
        time.sleep(0.1)  # leaves the processor to the engine
        return data_of(http.get(f"/v2/jobs/{job_id}"))["status"] in ("completed", "failed")

    wait_until(lambda: len(parts(live, job_id)) >= 2 or is_over(), seconds=240, what="the second part")
    kill_the_worker(live)
    kept = parts(live, job_id)
    wait_until(lambda: len(parts(live, job_id)) > len(kept) or is_over(), seconds=240, what="another part")
    found = parts(live, job_id)
    if len(kept) < 2 or len(found) <= len(kept):
        return False
    assert {name: found[name] for name in kept} == kept
    return True


def test_clones_and_short_calls_pass_a_long_job(live: LiveGateway, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64_000))
    with Client(live.url, live.key) as customer:
        audio_url = customer.upload(silence)
    with live.client() as http:
        body = {"text": TEXT * 8, "voice_id": "af_heart"}
        job_id = data_of(http.post(TTS, json=body, headers=LATER), 202)["job"]["id"]
        wait_until(lambda: parts(live, job_id), seconds=240, what="the first part")
        clone = {"audioUrl": audio_url, "provider": "local"}
        other_id = data_of(http.post("/v1/proxy/core-voice-clone", json=clone), 202)["job"]["id"]
        assert finished(http, other_id)["status"] == "failed"
        assert data_of(http.get(f"/v2/jobs/{job_id}"))["status"] == "processing"
        assert data_of(http.post(f"/v2/jobs/{job_id}/cancel"))["status"] == "cancelled"
        wait_until(lambda: not parts(live, job_id), seconds=60, what="the end of the cancelled job's parts")


def test_a_stream_is_real_speech_and_is_charged_for_its_length(live: LiveGateway) -> None:
    body = {"text": SENTENCE.format("one"), "voice_id": "bf_emma", "stream": True, "output_format": "wav"}
    with live.client() as http:
        answer = http.post(TTS, json=body)
        assert answer.status_code == 200
        cost = data_of(http.get(f"/v2/billing/requests/{answer.headers['X-Gateway-Request-ID']}"))["data"]
    samples = np.frombuffer(answer.content[44:], "<i2")
    assert cost["units"] == pytest.approx(samples.size / SAMPLE_RATE, abs=0.0501)
    assert 3 < cost["units"] < 15
    level = measure(samples.tobytes(), "-f", "s16le", "-ar", str(SAMPLE_RATE))
    assert level.integrated == pytest.approx(-18, abs=1)
