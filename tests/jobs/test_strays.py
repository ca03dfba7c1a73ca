"""A job that a live worker has claimed, and that nobody runs, is queued again by that worker, which goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.speech.test_kill import LATER, TTS, status, worker
from tests.support.client import GatewayClient
from tests.support.server import wait_until
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow

BODY = {"text": "This is a text.", "voice_id": "hum", "output_format": "pcm"}


def test_a_job_that_was_claimed_and_not_started_is_run_by_the_same_worker(
    customer: GatewayClient, tmp_path: Path
) -> None:
    database = customer.gateway.database
    with worker(customer, tmp_path / "spoken.txt", 0.0) as process:
        first = customer.post(TTS, BODY, headers=LATER).json()["job"]["id"]
        wait_until(lambda: status(customer, first) == "completed", seconds=60, what="the first job's end")
        # As if the worker had lost the database between the claim and the start.
        table = "workflow_status" if database.is_sqlite else "dbos.workflow_status"
        claimed = (
            f"UPDATE {table} SET status = 'PENDING', executor_id = "
            f"(SELECT executor_id FROM {table} WHERE workflow_uuid = :first) WHERE workflow_uuid = :second"
        )
        second = customer.post(TTS, BODY, headers=LATER)
        with database.transaction() as tx:
            tx.execute(text(claimed), {"first": first, "second": second.json()["job"]["id"]})
        job_id = second.json()["job"]["id"]
        wait_until(lambda: status(customer, job_id) == "completed", seconds=60, what="the job's end")
        assert process.poll() is None
    assert verify(database) == []
