"""The worker's concurrency is limited per provider: one that hangs does not delay jobs of another."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.support.client import settings_for
from tests.support.hosted_env import CLONE, TEXT, TTS, HostedEnv, open_hosted_env
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
    """`old` are the ids of jobs that an older version queued before the worker started."""

    hosted_env: HostedEnv
    old: list[str]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def queued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queued]:
    """A gateway with its worker, on each kind of database."""
    folder = tmp_path_factory.mktemp("places")
    more = {}
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        more = {"database_url": server.new_database(request.getfixturevalue("postgres_template"))}
    with open_hosted_env(partial(open_gateway, settings_for(folder, **more))) as opened:
        opened.local.stock.append(StockVoice("hum", "Hum", "en-us", None))
        old = queued_by_an_older_version(opened)
        with worker(opened):
            yield Queued(opened, old)


@pytest.fixture
def hosted_env(queued: Queued) -> HostedEnv:
    """The gateway with a new customer."""
    return dataclasses.replace(queued.hosted_env, client=queued.hosted_env.client.another_customer())


def queued_by_an_older_version(hosted_env: HostedEnv) -> list[str]:
    jobs = {speech(hosted_env, "hum", "local"): "voxport-speech", clone(hosted_env, "local"): "voxport-jobs"}
    table = "workflow_status" if hosted_env.gateway.database.is_sqlite else "dbos.workflow_status"
    # The rows as older versions wrote them, without the job's provider.
    with hosted_env.gateway.database.transaction() as tx:
        for job_id, queue in jobs.items():
            change = f"UPDATE {table} SET queue_name = :queue, queue_partition_key = NULL WHERE workflow_uuid = :id"
            tx.execute(sqlalchemy.text(change), {"queue": queue, "id": job_id})
    return list(jobs)


@contextlib.contextmanager
def worker(hosted_env: HostedEnv) -> Iterator[None]:
    settings = hosted_env.gateway.settings
    arguments = [str(settings.data_dir), settings.resolved_database_url, hosted_env.elevenlabs_url]
    command = [sys.executable, "-m", "tests.support.hosted_worker", *arguments]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, env=environment(), cwd=root) as process:
        try:
            yield
        finally:
            process.kill()


def speech(hosted_env: HostedEnv, voice_id: str, provider: str) -> str:
    body = {"text": TEXT, "voice_id": voice_id, "provider": provider, "output_format": "wav"}
    job_id: str = hosted_env.client.post(TTS, body, headers=LATER).json()["job"]["id"]
    return job_id


def clone(hosted_env: HostedEnv, provider: str) -> str:
    job_id: str = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": provider}).json()["job"][
        "id"
    ]
    return job_id


def seen(hosted_env: HostedEnv, job_id: str) -> dict[str, Any]:
    row: dict[str, Any] = hosted_env.client.get(f"/v2/jobs/{job_id}").json()
    return row


def test_jobs_that_an_older_version_queued_are_run(queued: Queued) -> None:
    hosted_env = queued.hosted_env
    for job_id in queued.old:
        wait_until(lambda one=job_id: seen(hosted_env, one)["status"] == "completed", seconds=60, what="the job's end")
    assert hosted_env.held() == 0
    assert verify(hosted_env.gateway.database) == []


def test_jobs_that_hang_at_one_provider_hold_up_no_job_of_another(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", hang=True, times=100))
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", hang=True, times=100))
    hanging = [speech(hosted_env, RACHEL, "elevenlabs") for _ in range(SPEECH_PLACES + 2)]
    hanging_clones = [clone(hosted_env, "elevenlabs") for _ in range(2)]

    def begun(job_ids: list[str]) -> int:
        return sum(seen(hosted_env, job_id)["status"] == "processing" for job_id in job_ids)

    wait_until(lambda: begun(hanging) == SPEECH_PLACES, seconds=60, what="speech that hangs")
    wait_until(lambda: begun(hanging_clones) == 1, seconds=60, what="a clone that hangs")
    others = [speech(hosted_env, "hum", "local"), clone(hosted_env, "local")]
    for job_id in others:
        wait_until(
            lambda one=job_id: seen(hosted_env, one)["status"] == "completed", seconds=60, what="the other's job"
        )
    assert (begun(hanging), begun(hanging_clones)) == (SPEECH_PLACES, 1), "no more than its places"
    assert verify(hosted_env.gateway.database) == []
