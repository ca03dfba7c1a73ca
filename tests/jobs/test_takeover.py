"""kill -9 of one of two workers: the other takes the job over, and the customer notices nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.speech.test_kill import BODY, LATER, TTS, status, worker
from tests.support.client import GatewayClient
from tests.support.fake_provider_worker import PIECES
from tests.support.server import wait_until
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow


def looks(rounds: Path) -> int:
    return len(rounds.read_text().splitlines()) if rounds.exists() else 0


def test_a_second_worker_takes_over_from_one_that_was_killed(customer: GatewayClient, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    rounds = second.with_suffix(".rounds")
    with worker(customer, first, 0.0, 600.0) as killed:
        job_id = customer.post(TTS, BODY, headers=LATER).json()["job"]["id"]
        wait_until(lambda: first.exists(), seconds=60, what="the first part")
        with worker(customer, second, 0.0):
            # A live worker's job is not taken over.
            wait_until(lambda: looks(rounds) >= 2, seconds=60, what="the second worker's look")
            assert not second.exists()
            assert status(customer, job_id) == "processing"
            killed.kill()
            killed.wait()
            began = time.monotonic()
            wait_until(lambda: status(customer, job_id) == "completed", seconds=60, what="the job's end")
            assert time.monotonic() - began < 30
    spoken = [int(line) for path in (first, second) for line in path.read_text().split()]
    assert second.exists()
    assert set(spoken) == set(range(PIECES))
    assert len(spoken) <= PIECES + 1, "the part in work at the kill, at most"
    assert customer.balance()["held"] == 0
    captures = [row for row in customer.get("/v2/billing/ledger").json()["data"] if row["kind"] == "capture"]
    assert [row["job_id"] for row in captures] == [job_id]
    stages = [one.stage for one in customer.gateway.jobs.history(customer.profile_id, job_id)[1]]
    assert stages == ["waiting", "waiting", "speaking", "storing", "done"]
    assert verify(customer.gateway.database) == []
