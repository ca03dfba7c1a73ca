"""The worker's places are each provider's own: one that hangs holds up no job of another."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.support.client import settings_for
from tests.support.hosted import CLONE, TEXT, TTS, House, house
from tests.support.postgres import Postgres
from tests.support.server import environment, wait_until
from voxport.billing.verify import verify
from voxport.gateway import open_gateway
from voxport.providers.base import StockVoice
from voxport.testing.doubles import Fault

pytestmark = pytest.mark.slow

RACHEL = "21m00Tcm4TlvDq8ikWAM"
LATER = {"Prefer": "respond-async"}
SPEECH_PLACES = 2


@dataclass(frozen=True)
class Queued:
    """`old` are the ids of jobs that stood in the queue before their worker began, as an older version wrote them."""

    home: House
    old: list[str]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def queued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queued]:
    """A gateway and its worker, on each kind of database."""
    folder = tmp_path_factory.mktemp("places")
    more = {}
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        more = {"database_url": server.new_database(request.getfixturevalue("postgres_template"))}
    gateway = open_gateway(settings_for(folder, **more))
    with house(gateway) as opened:
        opened.local.stock.append(StockVoice("hum", "Hum", "en-us", None))
        old = queued_by_an_older_version(opened)
        with worker(opened):
            yield Queued(opened, old)
    gateway.close()


@pytest.fixture
def home(queued: Queued) -> House:
    """With a customer of its own."""
    return dataclasses.replace(queued.home, client=queued.home.client.another())


def queued_by_an_older_version(home: House) -> list[str]:
    jobs = {speech(home, "hum", "local"): "voxport-speech", clone(home, "local"): "voxport-jobs"}
    table = "workflow_status" if home.gateway.database.is_sqlite else "dbos.workflow_status"
    # The rows as they were written before a job's provider stood in them.
    with home.gateway.database.transaction() as tx:
        for job_id, queue in jobs.items():
            change = f"UPDATE {table} SET queue_name = :queue, queue_partition_key = NULL WHERE workflow_uuid = :id"
            tx.execute(sqlalchemy.text(change), {"queue": queue, "id": job_id})
    return list(jobs)


@contextlib.contextmanager
def worker(home: House) -> Iterator[None]:
    settings = home.gateway.settings
    arguments = [str(settings.data_dir), settings.resolved_database_url, home.elevenlabs_url]
    command = [sys.executable, "-m", "tests.support.hosted_worker", *arguments]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, env=environment(), cwd=root) as process:
        try:
            yield
        finally:
            process.kill()


def speech(home: House, voice_id: str, provider: str) -> str:
    body = {"text": TEXT, "voice_id": voice_id, "provider": provider, "output_format": "wav"}
    job_id: str = home.client.post(TTS, body, headers=LATER).json()["job"]["id"]
    return job_id


def clone(home: House, provider: str) -> str:
    job_id: str = home.client.post(CLONE, {"audioUrl": home.upload(), "provider": provider}).json()["job"]["id"]
    return job_id


def seen(home: House, job_id: str) -> dict[str, Any]:
    row: dict[str, Any] = home.client.get(f"/v2/jobs/{job_id}").json()
    return row


def test_jobs_that_an_older_version_queued_are_run(queued: Queued) -> None:
    home = queued.home
    for job_id in queued.old:
        wait_until(lambda one=job_id: seen(home, one)["status"] == "completed", seconds=60, what="the job's end")
    assert home.held() == 0
    assert verify(home.gateway.database) == []


def test_jobs_that_hang_at_one_provider_hold_up_no_job_of_another(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", hang=True, times=100))
    home.elevenlabs.faults.add(Fault("/v1/voices/add", hang=True, times=100))
    hanging = [speech(home, RACHEL, "elevenlabs") for _ in range(SPEECH_PLACES + 2)]
    hanging_clones = [clone(home, "elevenlabs") for _ in range(2)]

    def begun(job_ids: list[str]) -> int:
        return sum(seen(home, job_id)["status"] == "processing" for job_id in job_ids)

    wait_until(lambda: begun(hanging) == SPEECH_PLACES, seconds=60, what="speech that hangs")
    wait_until(lambda: begun(hanging_clones) == 1, seconds=60, what="a clone that hangs")
    others = [speech(home, "hum", "local"), clone(home, "local")]
    for job_id in others:
        wait_until(lambda one=job_id: seen(home, one)["status"] == "completed", seconds=60, what="the other's job")
    assert (begun(hanging), begun(hanging_clones)) == (SPEECH_PLACES, 1), "no more than its places"
    assert verify(home.gateway.database) == []
