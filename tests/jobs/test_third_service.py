"""A job service defined only in this file. Its jobs are queued, run, shown and charged like any other's.

The worker's process is `python -m tests.jobs.test_third_service DATA_DIR`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.jobs.conftest import PRICE, StubHandler, require_free, run_all, shown_job
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.server import environment, wait_until
from voxport.billing.money import MICRO
from voxport.billing.verify import verify
from voxport.catalog import Service
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.models import Job
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob

SERVICE = "core-word-count"


class WordCountHandler(JobHandler):
    service = SERVICE
    queue = "voxport-word-count-jobs"
    concurrency = 2
    time_limit = timedelta(seconds=60)
    stages = ("reading", "counting")

    def __init__(self, gateway: Gateway) -> None:
        self._jobs = gateway.jobs

    def steps(self) -> Sequence[Step]:
        return (("read", self._read), ("count", self._count))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        """Do nothing: the job leaves no files."""

    def _read(self, run: JobRun) -> Json:
        run.advance("reading", 0.1)
        return {"words": run.request["text"].split()}

    def _count(self, run: JobRun) -> Json:
        run.advance("counting", 0.5)
        words = len(run.result_of("read")["words"])
        self._jobs.complete(run.job_id, run.hold_id, units=Decimal(words), make_result=lambda _: {"words": words})
        return {}


def with_word_count(gateway: Gateway) -> Gateway:
    """Add the service to the gateway, as its line in gateway.py and its entry in the catalogue would."""
    handler = WordCountHandler(gateway)
    gateway.handlers.append(handler)
    gateway.queue.declare(handler.service, handler.queue)
    gateway.catalog.services[SERVICE] = Service(
        unit_type="item", unit_price=Decimal("0.5"), description="The words of a text.", limits=("text_characters",)
    )
    return gateway


def submit(client: GatewayClient) -> Job:
    request = {"text": "The ferry leaves at seven."}
    return client.gateway.jobs.submit(NewJob(client.profile_id, SERVICE, request, "count-1", 10 * MICRO, "req_count"))


@pytest.mark.slow
def test_a_job_of_a_service_that_is_one_handler_is_queued_run_shown_and_charged(gateway: Gateway) -> None:
    client = open_client(with_word_count(gateway))
    job = submit(client)
    table = "workflow_status" if gateway.database.is_sqlite else "dbos.workflow_status"
    with gateway.database.snapshot() as tx:
        queued = tx.execute(text(f"SELECT queue_name, queue_partition_key FROM {table}")).all()
    assert queued == [("voxport-word-count-jobs-engine", "none")]
    command = [sys.executable, "-m", "tests.jobs.test_third_service", str(gateway.settings.data_dir)]
    with subprocess.Popen(command, env=environment(), cwd=Path(__file__).resolve().parents[2]) as worker:
        try:
            wait_until(lambda: shown_job(client, job)["status"] == "completed", seconds=60, what="the job's end")
        finally:
            worker.kill()
    shown = shown_job(client, job)
    assert (shown["service"], shown["stage"], shown["result_data"]) == (SERVICE, "done", {"words": 5})
    assert (shown["units_consumed"], shown["token_cost"]) == (5.0, 2.5)
    stages = [event.stage for event in gateway.jobs.history(client.profile_id, job.id)[1]]
    assert stages == ["waiting", "waiting", "reading", "counting", "done"]
    assert client.balance() == {"balance": 97.5, "credits": 97.5, "held": 0.0, "currency": "token"}
    assert verify(gateway.database) == []
    # The service's public API documentation follows from the handler and the catalogue.
    document = client.http.get("/openapi.json").json()
    assert document["components"]["schemas"]["JobBody"]["properties"]["stage"]["enum"] == [
        *("waiting", "fetching", "checking", "cloning", "registering", "speaking", "storing"),
        *("reading", "counting", "done"),
    ]
    (row,) = [row for row in client.get("/v1/catalog").json()["data"]["services"] if row["service"] == SERVICE]
    assert (row["unit_price"], row["limits"]) == (0.5, {"text_characters": 5000})


def test_a_job_of_a_service_that_is_not_declared_leaves_neither_row_nor_hold(owner: GatewayClient) -> None:
    with pytest.raises(KeyError, match=SERVICE):
        submit(owner)
    assert owner.get("/v2/jobs").json()["data"] == []
    require_free(owner)


def test_a_stage_that_is_not_declared_ends_the_job_before_a_customer_sees_it(owner: GatewayClient) -> None:
    class Careless(StubHandler):
        def _first(self, run: JobRun) -> Json:
            run.advance("fetching", 0.1)
            run.advance("proving", 0.4)
            return {}

    job = owner.gateway.jobs.submit(
        NewJob(owner.profile_id, "core-voice-clone", {"input": "some"}, "output-1", PRICE, "req_1")
    )
    run_all(JobRunner(owner.gateway.jobs, [Careless(owner.gateway)]), job)
    shown = shown_job(owner, job)
    assert (shown["status"], shown["stage"], shown["error"]["code"]) == ("failed", "fetching", "internal_error")
    require_free(owner)


def main(data_dir: Path) -> None:
    gateway = with_word_count(open_gateway(settings_for(data_dir)))
    DbosWorker(gateway.database, gateway.leases, JobRunner(gateway.jobs, gateway.handlers), poll_seconds=0.1).start()
    time.sleep(300)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
