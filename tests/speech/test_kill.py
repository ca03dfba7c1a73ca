"""kill -9 of the worker process during a long text. Only the provider is a fake."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import GatewayClient
from tests.support.fake_provider_worker import PIECES
from tests.support.server import environment, wait_until
from tests.support.stored import stored_keys
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
BODY = {"text": "This is a long text. " * 40, "voice_id": "hum", "output_format": "wav"}
LATER = {"Prefer": "respond-async"}


@contextlib.contextmanager
def worker(client: GatewayClient, spoken: Path, *seconds: float, places: int = 2) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker. `seconds` is the time for each piece; the last value is for all further ones. `places` is the
    maximum number of concurrent texts."""
    arguments = (client.gateway.settings.data_dir, spoken, ",".join(map(str, seconds)), places)
    command = [sys.executable, "-m", "tests.support.fake_provider_worker", *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, env=environment(), cwd=root) as process:
        try:
            yield process
        finally:
            process.kill()


def counted(spoken: Path) -> Counter[int]:
    return Counter(map(int, spoken.read_text().split())) if spoken.exists() else Counter()


def status(client: GatewayClient, job_id: str) -> str:
    found: str = client.get(f"/v2/jobs/{job_id}").json()["status"]
    return found


def test_no_piece_is_spoken_twice_and_nothing_is_charged_twice(customer: GatewayClient, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken.txt"
    job_id = customer.post(TTS, BODY, headers=LATER).json()["job"]["id"]

    def parts() -> list[str]:
        return [key for key in stored_keys(customer.gateway, f"jobs/{job_id}") if key.endswith(".part")]

    for so_many in (3, 7):
        # Each worker synthesizes some pieces, and is killed during the next one.
        with worker(customer, spoken, 0.0, 0.0, 0.0, 0.0, 600.0):
            wait_until(lambda n=so_many: len(parts()) >= n, seconds=60, what="the next parts")
    # The piece in progress at a kill may have left the provider but not reached storage: it is synthesized again.
    with worker(customer, spoken, 0.0):
        wait_until(lambda: status(customer, job_id) == "completed", seconds=60, what="the job's end")
        wait_until(lambda: not stored_keys(customer.gateway, f"jobs/{job_id}"), seconds=20, what="the end of the parts")
    times = counted(spoken)
    assert set(times) == set(range(PIECES))
    assert sum(times.values()) <= PIECES + 2
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["units_consumed"], job["token_cost"]) == (PIECES, PIECES / 100)
    captures = [row for row in customer.get("/v2/billing/ledger").json()["data"] if row["kind"] == "capture"]
    assert [row["job_id"] for row in captures] == [job_id]
    assert customer.balance()["held"] == 0
    assert len(customer.http.get(job["result_data"]["url"]).content) == 44 + 2 * 24_000 * PIECES
    assert verify(customer.gateway.database) == []


def test_a_clone_does_not_wait_for_a_long_text(customer: GatewayClient, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken.txt"
    speech = [customer.post(TTS, BODY, headers=LATER).json()["job"]["id"] for _ in range(3)]
    clone = customer.post(CLONE, {"audioUrl": customer.upload()["public_url"], "provider": "local"}).json()["job"]["id"]
    with worker(customer, spoken, 60.0):
        wait_until(lambda: status(customer, clone) in ("completed", "failed"), seconds=60, what="the clone's end")
        # Two of the long texts are synthesized concurrently and the third waits. Which one waits is not determined,
        # because all three were queued within a millisecond.
        states = [status(customer, job_id) for job_id in speech]
        assert "completed" not in states
        assert "queued" in states
