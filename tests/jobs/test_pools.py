"""Jobs wait in the queues of the pool of their provider, and each worker takes the pools that it was given."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.hosted.test_worker_concurrency import RACHEL, clone, seen, speech
from tests.speech.test_kill import status
from tests.support.client import settings_for
from tests.support.hosted_env import TEXT, HostedEnv, open_hosted_env
from tests.support.postgres import Postgres
from tests.support.server import environment, run_cli, wait_until
from voxport.billing.verify import verify
from voxport.gateway import open_gateway
from voxport.jobs.host_lock import HostLock
from voxport.jobs.pools import parse_pools, pools_of_workers
from voxport.providers.base import StockVoice
from voxport.testing.doubles import Fault

_HOLD = (
    "import sys; from pathlib import Path; from voxport.jobs.host_lock import HostLock; "
    "print(HostLock(Path(sys.argv[1])).try_acquire(), flush=True); sys.stdin.readline()"
)


@pytest.fixture
def hosted_env(postgres: Postgres, postgres_template: str, tmp_path: Path) -> Iterator[HostedEnv]:
    settings = settings_for(tmp_path / "data", database_url=postgres.new_database(postgres_template))
    with open_hosted_env(partial(open_gateway, settings)) as opened:
        opened.local.stock.append(StockVoice("hum", "Hum", "en-us", None))
        yield opened


@contextlib.contextmanager
def worker(env: HostedEnv, *options: str, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    given = env.gateway.settings
    arguments = [str(given.data_dir), given.resolved_database_url, env.elevenlabs_url, *options]
    command = [sys.executable, "-m", "tests.support.hosted_worker", *arguments, "--settings", json.dumps(settings)]
    with subprocess.Popen(command, env=environment(), cwd=Path(__file__).resolve().parents[2]) as process:
        try:
            yield process
        finally:
            process.kill()


def is_ended(env: HostedEnv, job_id: str) -> bool:
    return status(env.client, job_id) == "completed"


def begun(env: HostedEnv, job_ids: list[str]) -> int:
    return sum(seen(env, job_id)["status"] == "processing" for job_id in job_ids)


def test_the_names_of_pools_are_read_and_wrong_ones_refused() -> None:
    assert parse_pools("engine") == ("engine",)
    assert parse_pools(" network , engine,engine ") == ("engine", "network")
    for wrong in ("", ",", "gpu", "engine,,gpu", "Engine"):
        with pytest.raises(ValueError, match=r"Give `engine`, `network` or both"):
            parse_pools(wrong)


def test_of_several_workers_the_first_has_the_engine() -> None:
    assert pools_of_workers(0) == []
    assert pools_of_workers(1) == [("engine", "network")]
    assert pools_of_workers(3) == [("engine",), ("network",), ("network",)]


@pytest.mark.slow
def test_a_worker_for_queues_that_do_not_exist_is_refused(tmp_path: Path) -> None:
    answer = run_cli("worker", "--queues", "gpu", cwd=tmp_path)
    assert answer.returncode == 2
    assert "There are no queues 'gpu'" in answer.stderr


def test_a_job_is_queued_in_the_pool_of_its_provider(hosted_env: HostedEnv) -> None:
    jobs = [speech(hosted_env, "hum", "local"), speech(hosted_env, RACHEL, "elevenlabs")]
    jobs += [clone(hosted_env, "local"), clone(hosted_env, "elevenlabs")]
    with hosted_env.gateway.database.snapshot() as tx:
        rows = tx.execute(
            sqlalchemy.text("SELECT workflow_uuid, queue_name, queue_partition_key FROM dbos.workflow_status")
        )
        queued = {job_id: (queue, partition) for job_id, queue, partition in rows}
    assert [queued[job_id] for job_id in jobs] == [
        ("voxport-speech-jobs-engine", "local"),
        ("voxport-speech-jobs-network", "elevenlabs"),
        ("voxport-clone-jobs-engine", "local"),
        ("voxport-clone-jobs-network", "elevenlabs"),
    ]


@pytest.mark.slow
def test_a_worker_takes_the_jobs_of_its_pools_alone(hosted_env: HostedEnv) -> None:
    local, hosted = speech(hosted_env, "hum", "local"), speech(hosted_env, RACHEL, "elevenlabs")
    with worker(hosted_env, "--queues", "network"):
        wait_until(lambda: is_ended(hosted_env, hosted), seconds=60, what="the hosted job's end")
        assert seen(hosted_env, local)["status"] == "queued"
        more = speech(hosted_env, RACHEL, "elevenlabs")
        with worker(hosted_env, "--queues", "engine"):
            wait_until(lambda: is_ended(hosted_env, local), seconds=60, what="the local job's end")
            wait_until(lambda: is_ended(hosted_env, more), seconds=60, what="the next hosted job's end")
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.slow
def test_the_limit_of_hosted_clones_holds_over_all_workers(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", hang=True, times=100))
    clones = [clone(hosted_env, "elevenlabs") for _ in range(5)]
    limits = {"clone_concurrency": 2, "worker_concurrency": 2}
    with worker(hosted_env, **limits), worker(hosted_env, **limits), worker(hosted_env, **limits):
        wait_until(lambda: begun(hosted_env, clones) == 2, seconds=60, what="two clones")
        spoken = [speech(hosted_env, RACHEL, "elevenlabs") for _ in range(20)]
        wait_until(lambda: all(is_ended(hosted_env, one) for one in spoken), seconds=60, what="other jobs' end")
        assert begun(hosted_env, clones) == 2


def test_one_process_of_a_host_has_its_lock_and_the_next_one_after_it(tmp_path: Path) -> None:
    path = tmp_path / "engine" / "clones.lock"
    lock = HostLock(path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"True\n"
        assert not lock.try_acquire()
        child.kill()
    assert lock.try_acquire()
    assert lock.try_acquire()


@pytest.mark.slow
def test_a_worker_that_ends_hands_its_jobs_to_others_at_once(hosted_env: HostedEnv) -> None:
    job_id = speech(hosted_env, "hum", "local")
    with worker(hosted_env, "--piece-seconds", "600") as ending:
        wait_until(lambda: seen(hosted_env, job_id)["stage"] == "speaking", seconds=60, what="the first worker's begin")
        with worker(hosted_env) as other:
            wait_until(lambda: leases(hosted_env) == 2, seconds=60, what="the second worker")
            ending.send_signal(signal.SIGTERM)
            assert ending.wait(20) == 0
            # No lease expires before this: the job was queued again.
            assert leases(hosted_env) == 1
            wait_until(lambda: is_ended(hosted_env, job_id), seconds=60, what="the job's end")
            assert other.poll() is None
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.slow
def test_a_worker_that_ends_finishes_the_paid_call_under_way(hosted_env: HostedEnv) -> None:
    answered = hosted_env.elevenlabs.account.go_on = threading.Event()
    paid, waiting = speech(hosted_env, RACHEL, "elevenlabs"), speech(hosted_env, "hum", "local")
    with worker(hosted_env, "--piece-seconds", "600") as ending:
        wait_until(lambda: hosted_env.elevenlabs.account.character_count, seconds=60, what="the paid call")
        wait_until(lambda: seen(hosted_env, waiting)["stage"] == "speaking", seconds=60, what="the other job's begin")
        with worker(hosted_env):
            ending.send_signal(signal.SIGTERM)
            wait_until(lambda: is_ended(hosted_env, waiting), seconds=60, what="the job that was handed back")
            assert ending.poll() is None
            answered.set()
            assert ending.wait(20) == 0
            wait_until(lambda: is_ended(hosted_env, paid), seconds=60, what="the paid job's end")
    assert hosted_env.elevenlabs.account.character_count == len(TEXT)
    assert hosted_env.held() == 0
    assert verify(hosted_env.gateway.database) == []


def leases(env: HostedEnv) -> int:
    with env.gateway.database.snapshot() as tx:
        count: int = tx.scalar(sqlalchemy.text("SELECT count(*) FROM leases WHERE name LIKE 'worker%'"))
        return count
