"""The whole gateway as a user runs it: real worker, real engine, real sockets."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import threading
import time
import wave
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.contract import contract
from tests.support.server import run_cli, wait_until
from tests.support.stored import storage_of
from tests.test_contract import same_shape
from voxport.testing.running_gateway import LiveGateway, running_gateway

pytestmark = pytest.mark.slow

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
STORY = (
    "The north wind and the sun were arguing which of them was stronger, when a traveller came along, wrapped in a "
    "warm cloak. They agreed that whoever first made the traveller take off his cloak should be called the stronger."
)
SAMPLE = STORY[: STORY.index(" They agreed")]
DONE = ("completed", "failed", "cancelled")


@pytest.fixture(scope="module")
def http(live: LiveGateway) -> httpx2.Client:
    return live.client()


def data_of(answer: httpx2.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def upload(http: httpx2.Client, data: bytes, content_type: str = "audio/wav", filename: str = "me.wav") -> str:
    slot = data_of(
        http.post(
            "/v1/proxy/upload-media",
            json={"media_type": content_type.split("/")[0], "filename": filename, "content_type": content_type},
        )
    )["data"]
    put = httpx2.put(slot["upload_url"], content=data, headers={"Content-Type": content_type}, timeout=60)
    assert put.status_code == 200, put.text
    url: str = slot["public_url"]
    return url


def finished(http: httpx2.Client, job_id: str, seconds: float = 480) -> dict[str, Any]:
    """Waits for the end of a job and returns it."""
    job: dict[str, Any] = {}

    def over() -> bool:
        nonlocal job
        job = data_of(http.get(f"/v2/jobs/{job_id}"))
        return job["status"] in DONE

    wait_until(over, seconds=seconds, what=f"the end of job {job_id}")
    return job


@pytest.fixture(scope="module")
def recording(http: httpx2.Client) -> bytes:
    """About six seconds of a stock voice, as a clone's sample."""
    body = {"text": SAMPLE, "voice_id": "am_michael", "provider": "local", "output_format": "wav"}
    spoken = data_of(http.post(TTS, json=body))["data"]
    return httpx2.get(spoken["url"], timeout=60).content


@pytest.fixture(scope="module")
def cloned(http: httpx2.Client, recording: bytes) -> dict[str, Any]:
    """A completed clone job."""
    answer = http.post(CLONE, json={"audioUrl": upload(http, recording), "provider": "local", "name": "Michael's copy"})
    job = finished(http, data_of(answer, 202)["job"]["id"])
    assert job["status"] == "completed", job
    return job


def test_a_stock_voice_speaks_and_is_billed_by_the_second(http: httpx2.Client) -> None:
    before = data_of(http.get("/v2/billing/balance"))["data"]["balance"]
    answer = data_of(
        http.post(TTS, json={"text": "Good morning, everybody.", "voice_id": "af_heart", "provider": "local"})
    )
    same_shape(answer, contract("core-tts.response.json"), "core-tts.response")
    seconds = answer["data"]["duration_seconds"]
    assert 0.5 < seconds < 6
    assert answer["cost"]["tokens"] == pytest.approx(seconds * 0.01)
    assert answer["cost"]["balance"] == pytest.approx(before - answer["cost"]["tokens"])
    audio = httpx2.get(answer["data"]["url"])
    assert audio.headers["Content-Type"] == "audio/mpeg"
    assert len(audio.content) > 4000


def test_the_audio_is_as_long_as_the_bill_says(http: httpx2.Client) -> None:
    answer = data_of(http.post(TTS, json={"text": STORY, "voice_id": "bf_emma", "output_format": "wav"}))
    with wave.open(io.BytesIO(httpx2.get(answer["data"]["url"]).content)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert answer["usage"]["units"] == pytest.approx(seconds, abs=0.0501)


def test_long_texts_let_short_calls_pass(http: httpx2.Client, live: LiveGateway) -> None:
    def long() -> None:
        with live.client() as other:
            data_of(other.post(TTS, json={"text": STORY, "voice_id": "af_heart"}))

    def answered() -> int:
        """How many short calls are answered before the long one ends."""
        caller = threading.Thread(target=long)
        caller.start()
        count = 0
        while caller.is_alive():
            assert http.get("/healthz").status_code == 200
            assert http.get("/v2/billing/balance").status_code == 200
            count += caller.is_alive()
            time.sleep(0.05)
        caller.join()
        return count

    # If this process is delayed, the long call can end before the short ones begin: try five times.
    assert any(answered() >= 5 for _ in range(5))


def test_a_clone_is_a_job_that_ends_with_a_voice(http: httpx2.Client, cloned: dict[str, Any]) -> None:
    same_shape(cloned, contract("jobs.response.completed.json"), "jobs.response.completed")
    assert (cloned["stage"], cloned["progress"], cloned["token_cost"]) == ("done", 1.0, 5.0)
    voice = data_of(http.get(f"/v1/voices/{cloned['result_data']['voice_id']}"))["data"]
    assert voice["name"] == "Michael's copy"
    assert voice["cloned"] is True


def test_a_cloned_voice_speaks(http: httpx2.Client, cloned: dict[str, Any]) -> None:
    voice_id = cloned["result_data"]["voice_id"]
    answer = data_of(
        http.post(TTS, json={"text": "This is my cloned voice.", "voice_id": voice_id, "provider": "local"})
    )
    assert answer["data"]["voice_id"] == voice_id
    assert 0.5 < answer["data"]["duration_seconds"] < 8


def test_an_instant_clone_is_a_wav_that_opens(http: httpx2.Client, recording: bytes) -> None:
    text = "Hello, this is my cloned voice speaking."
    answer = http.post(INSTANT, json={"audioUrl": upload(http, recording), "text": text, "provider": "local"})
    assert answer.status_code == 200, answer.text
    for name, value in contract("core-instant-clone-tts.response.headers.json").items():
        assert name in answer.headers
        if name in ("Content-Type", "X-Text-Length", "X-Gateway-Units", "X-Gateway-Token-Cost"):
            assert answer.headers[name] == value
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert 0.5 < file.getnframes() / 24_000 < 10


@pytest.mark.parametrize(
    "data",
    [b"this is text", b"RIFF\x24\x00\x00\x00WAVEfmt ", bytes(200_000)],
    ids=["text", "cut", "zeros"],
)
def test_a_sample_that_is_no_recording_fails_its_job_and_costs_nothing(http: httpx2.Client, data: bytes) -> None:
    before = data_of(http.get("/v2/billing/balance"))["data"]
    job_id = data_of(http.post(CLONE, json={"audioUrl": upload(http, data), "provider": "local"}), 202)["job"]["id"]
    job = finished(http, job_id)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "sample_unusable"
    assert job["token_cost"] == 0
    assert data_of(http.get("/v2/billing/balance"))["data"] == before


def test_a_sample_that_is_no_recording_is_400_for_an_instant_clone(http: httpx2.Client) -> None:
    body = {"audioUrl": upload(http, b"this is text"), "text": "Hi there.", "provider": "local"}
    answer = http.post(INSTANT, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "sample_unusable"


def reached(http: httpx2.Client, job_id: str, stage: str, progress: float = 0.0) -> None:
    """Waits until the job has this progress in this stage."""

    def there() -> bool:
        job = data_of(http.get(f"/v2/jobs/{job_id}"))
        assert job["status"] in ("queued", "processing"), job
        return bool(job["stage"] == stage and job["progress"] >= progress)

    wait_until(there, seconds=480, what=f"the stage {stage}")


@pytest.mark.parametrize("stage", ["waiting", "cloning"])
def test_a_job_is_cancelled_while_it_waits_or_works_and_costs_nothing(
    http: httpx2.Client, recording: bytes, live: LiveGateway, stage: str
) -> None:
    for _ in range(5):
        before = data_of(http.get("/v2/billing/balance"))["data"]
        files = set(storage_of(live).list("voices"))
        body = {"audioUrl": upload(http, recording), "provider": "local"}
        job_id = data_of(http.post(CLONE, json=body), 202)["job"]["id"]
        if stage != "waiting":
            reached(http, job_id, stage)
        answer = http.post(f"/v2/jobs/{job_id}/cancel")
        # If this process is delayed, the job completes before the cancel arrives: try another one.
        if data_of(http.get(f"/v2/jobs/{job_id}"))["status"] != "completed":
            break
    cancelled = data_of(answer)
    assert (cancelled["status"], cancelled["token_cost"]) == ("cancelled", 0.0)
    assert data_of(http.get("/v2/billing/balance"))["data"] == before
    # The worker takes the next job as soon as it notices the cancellation. The cancelled job does not block it.
    next_id = data_of(http.post(CLONE, json={**body, "audioUrl": upload(http, b"no audio")}), 202)["job"]["id"]
    assert finished(http, next_id)["status"] == "failed"
    assert data_of(http.get(f"/v2/jobs/{job_id}"))["status"] == "cancelled"
    assert set(storage_of(live).list("voices")) == files


def test_after_all_of_it_the_books_are_right_and_the_logs_hold_no_secret(
    live: LiveGateway, http: httpx2.Client, cloned: dict[str, Any]
) -> None:
    """Last in this file, so that the log covers all tests above."""
    http.get("/v2/billing/balance", headers={"Authorization": f"Bearer {live.key}x"})
    http.get("/v1/blobs/a/b?operation=get&expires=1&signature=0123456789abcdef")
    assert (
        run_cli("admin", "ledger", "verify", "--data-dir", str(live.data_dir), cwd=live.data_dir.parent).stdout
        == "ledger clean\n"
    )
    logs = live.stderr.read_text()
    assert live.key not in logs
    assert live.key[4:20] not in logs
    assert not re.search(r"vxp_[0-9A-Za-z]", logs)
    assert not re.search(r"signature(=|%3D)[0-9a-f]{6}", logs, re.IGNORECASE)
    assert "Traceback" not in logs
    assert live.stdout.read_text().count("vxp_") == 1
    for line in logs.splitlines():
        if not line.startswith("Voxport listens"):
            assert {"time", "level", "logger", "message"} <= set(json.loads(line)), line


def worker_of(live: LiveGateway) -> int | None:
    """The process id of this gateway's worker."""
    listed = subprocess.run(
        ["ps", "--ppid", str(live.process.pid), "-o", "pid=,args="], capture_output=True, text=True, check=False
    ).stdout
    found = [int(line.split()[0]) for line in listed.splitlines() if "--with-parent" in line]
    return found[0] if found else None


def test_a_job_whose_worker_is_killed_again_and_again_completes_once_and_is_charged_once(
    tmp_path: Path, recording: bytes
) -> None:
    """Kills the worker with SIGKILL in several stages, the last time after a step of the fit. Each time the gateway
    starts another worker, which resumes the job."""
    # The fit is too long to end before the last kill, however late that is.
    steps = tmp_path / ".env"
    steps.write_text("VOXPORT_FIT_STEPS=12")
    with running_gateway(tmp_path, ready=False, VOXPORT_JOB_POLL_SECONDS="0.1") as live, live.client() as http:
        url = upload(http, recording)

        def kill_the_worker() -> None:
            wait_until(lambda: worker_of(live) is not None, seconds=60, what="a worker")
            os.kill(worker_of(live) or 0, signal.SIGKILL)

        job_id = data_of(http.post(CLONE, json={"audioUrl": url, "provider": "local"}), 202)["job"]["id"]
        kill_the_worker()
        reached(http, job_id, "checking")
        kill_the_worker()
        reached(http, job_id, "cloning", progress=0.3)
        steps.write_text("VOXPORT_FIT_STEPS=2")
        kill_the_worker()
        job = finished(http, job_id)
        assert job["status"] == "completed", job
        rows = data_of(http.get("/v2/billing/ledger"))["data"]
        assert [(row["job_id"], row["tokens"]) for row in rows if row["service"] == "core-voice-clone"] == [
            (job_id, -5.0)
        ]
        voices = data_of(http.get("/v1/proxy/core-tts-voices?cloned=true"))["data"]["voices"]
        assert [voice["voice_id"] for voice in voices] == [job["result_data"]["voice_id"]]
        assert data_of(http.get("/v2/billing/balance"))["data"]["held"] == 0
    verified = run_cli("admin", "ledger", "verify", cwd=tmp_path)
    assert verified.stdout == "ledger clean\n", verified.stderr
