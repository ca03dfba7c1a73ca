"""A process that is frozen (SIGSTOP) for longer than its lease, and then woken, on Postgres: another one has taken its
work over, and whatever it still does has no effect."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.speech.test_kill import BODY, LATER, TTS, counted, status
from tests.support.client import open_client, settings_for
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.fake_provider_worker import PIECES
from tests.support.hosted_env import ELEVENLABS_KEY, TEXT, HostedEnv, open_hosted_env
from tests.support.postgres import Postgres
from tests.support.server import environment, wait_until
from voxport.billing.verify import verify
from voxport.gateway import open_gateway
from voxport.testing.running_gateway import running_gateway

pytestmark = pytest.mark.slow

RACHEL = "21m00Tcm4TlvDq8ikWAM"
TAKE_OVER_SECONDS = 30.0


@pytest.fixture
def database_url(postgres: Postgres, postgres_template: str) -> str:
    return postgres.new_database(postgres_template)


@pytest.fixture
def hosted_env(tmp_path: Path, database_url: str) -> Iterator[HostedEnv]:
    with open_hosted_env(partial(open_gateway, settings_for(tmp_path / "data", database_url=database_url))) as opened:
        yield opened


@contextlib.contextmanager
def process(module: str, *arguments: object, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, env=environment(**variables), cwd=root) as child:
        try:
            yield child
        finally:
            child.kill()


def hosted_worker(env: HostedEnv) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    settings = env.gateway.settings
    return process("tests.support.hosted_worker", settings.data_dir, settings.resolved_database_url, env.elevenlabs_url)


def paid_requests(env: HostedEnv) -> int:
    return env.elevenlabs.account.character_count // len(TEXT)


def test_a_worker_frozen_in_its_own_work_finishes_nothing_after_another_has(tmp_path: Path, database_url: str) -> None:
    settings = partial(settings_for, tmp_path / "data", database_url=database_url)
    env = with_fake_provider(lambda **options: open_gateway(settings(), **options), FakeProvider())
    customer = open_client(env.gateway)
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    worker = partial(process, "tests.support.fake_provider_worker", settings().data_dir)
    job_id = customer.post(TTS, BODY, headers=LATER).json()["job"]["id"]
    # The piece during which the first worker is frozen takes less time than the freeze.
    with worker(first, "0.0,3.0", VOXPORT_DATABASE_URL=database_url) as frozen:
        wait_until(first.exists, seconds=60, what="the first part")
        frozen.send_signal(signal.SIGSTOP)
        with worker(second, "0.0", VOXPORT_DATABASE_URL=database_url):
            wait_until(lambda: status(customer, job_id) == "completed", seconds=TAKE_OVER_SECONDS, what="the job's end")
            frozen.send_signal(signal.SIGCONT)
            assert frozen.wait(20) == 1
    assert set(counted(first) + counted(second)) == set(range(PIECES))
    captures = [row for row in customer.get("/v2/billing/ledger").json()["data"] if row["kind"] == "capture"]
    assert [row["job_id"] for row in captures] == [job_id]
    stages = [one.stage for one in env.gateway.jobs.history(customer.profile_id, job_id)[1]]
    assert stages == ["waiting", "waiting", "speaking", "storing", "done"]
    assert verify(env.gateway.database) == []
    env.gateway.close()


def test_a_worker_frozen_in_a_paid_call_makes_no_second_one(hosted_env: HostedEnv) -> None:
    answered = threading.Event()
    hosted_env.elevenlabs.account.go_on = answered
    body = {"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs", "output_format": "wav"}
    with hosted_worker(hosted_env) as frozen:
        job_id = hosted_env.client.post(TTS, body, headers=LATER).json()["job"]["id"]
        wait_until(lambda: paid_requests(hosted_env) == 1, seconds=60, what="the paid call")
        frozen.send_signal(signal.SIGSTOP)
        with hosted_worker(hosted_env):
            # The journal says that the first worker began the part: it may have been spoken, and is not repeated.
            wait_until(
                lambda: status(hosted_env.client, job_id) == "failed", seconds=TAKE_OVER_SECONDS, what="the job's end"
            )
            answered.set()
            frozen.send_signal(signal.SIGCONT)
            assert frozen.wait(20) == 1
            assert paid_requests(hosted_env) == 1
            again = hosted_env.client.post(TTS, body, headers=LATER).json()["job"]["id"]
            wait_until(lambda: status(hosted_env.client, again) == "completed", seconds=60, what="another job")
    (unknown,) = hosted_env.gateway.provider_calls.list_all()
    assert (unknown.job_id, unknown.state) == (job_id, "unknown")
    captures = [row for row in hosted_env.client.get("/v2/billing/ledger").json()["data"] if row["kind"] == "capture"]
    assert [row["job_id"] for row in captures] == [again]
    assert hosted_env.held() > 0, "kept until the outcome is written off"
    assert verify(hosted_env.gateway.database) == []


def test_a_server_frozen_in_a_paid_call_charges_nothing_and_serves_again(hosted_env: HostedEnv, tmp_path: Path) -> None:
    answered, answers = threading.Event(), list[httpx2.Response]()
    body = {"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs", "output_format": "wav"}
    settings = {
        "VOXPORT_DATABASE_URL": hosted_env.gateway.settings.resolved_database_url,
        "VOXPORT_ELEVENLABS_API_KEY": ELEVENLABS_KEY,
        "VOXPORT_ELEVENLABS_BASE_URL": hosted_env.elevenlabs_url,
        "VOXPORT_SECRET_KEY": secret_of(hosted_env),
    }
    with running_gateway(tmp_path / "server", "--no-worker", ready=True, **settings) as server:

        def call() -> httpx2.Response:
            return httpx2.post(server.url + TTS, json=body, headers=hosted_env.client.headers, timeout=120)

        hosted_env.elevenlabs.account.go_on = answered
        caller = threading.Thread(target=lambda: answers.append(call()))
        caller.start()
        wait_until(lambda: paid_requests(hosted_env) == 1, seconds=60, what="the paid call")
        server.process.send_signal(signal.SIGSTOP)
        wait_until(
            lambda: (
                hosted_env.gateway.provider_calls.release_dead_owners() == 0
                and [one.state for one in hosted_env.gateway.provider_calls.list_all()] == ["unknown"]
            ),
            seconds=TAKE_OVER_SECONDS,
            what="the take-over",
        )
        answered.set()
        server.process.send_signal(signal.SIGCONT)
        caller.join()
        assert answers[0].status_code in (503, 504), answers[0].text
        assert charged(hosted_env) == []
        wait_until(lambda: call().status_code == 200, seconds=20, what="a call under a new lease")
        assert len(charged(hosted_env)) == 1
    assert verify(hosted_env.gateway.database) == []


def charged(env: HostedEnv) -> list[Any]:
    return [row for row in env.client.get("/v2/billing/ledger").json()["data"] if row["kind"] == "capture"]


def secret_of(env: HostedEnv) -> str:
    return (env.gateway.settings.data_dir / "secret.key").read_text().strip()
