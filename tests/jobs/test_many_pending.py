"""kill -9 of a worker with many jobs in progress: the next worker resumes all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.speech.test_kill import LATER, TTS, worker
from tests.support.client import GatewayClient
from tests.support.server import wait_until
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow

# Recovery of this many takes longer than the rest of a worker's start, which must not cut it off.
_JOBS = 40
_BODY = {"text": "This is a text.", "voice_id": "hum", "output_format": "pcm"}


def states(client: GatewayClient) -> set[str]:
    return {job["status"] for job in client.get("/v2/jobs?limit=50").json()["data"]}


def test_all_jobs_that_were_in_work_at_a_kill_are_done_by_the_next_worker(
    customer: GatewayClient, tmp_path: Path
) -> None:
    spoken = tmp_path / "spoken.txt"
    job_ids = [customer.post(TTS, _BODY, headers=LATER).json()["job"]["id"] for _ in range(_JOBS)]
    with worker(customer, spoken, 600.0, places=_JOBS):
        wait_until(lambda: states(customer) == {"processing"}, seconds=60, what="all jobs' begin")
    with worker(customer, spoken, 0.0, places=_JOBS) as second:
        wait_until(lambda: states(customer) == {"completed"}, seconds=60, what="all jobs' end")
        assert second.poll() is None
    rows = customer.get("/v2/billing/ledger?limit=100").json()["data"]
    assert sorted(row["job_id"] for row in rows if row["kind"] == "capture") == sorted(job_ids)
    assert customer.balance()["held"] == 0
    assert verify(customer.gateway.database) == []
