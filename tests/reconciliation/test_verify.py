"""Money and work agree: each open hold has something that will settle it, each charge its call, each job its charge."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.backend import environment as environment_of
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from tests.support.jobs import work
from tests.support.server import environment, wait_until
from voxport.billing.held_calls import BilledCall
from voxport.catalog import ServiceName
from voxport.cloning.service import ONE_CLONE
from voxport.errors import OutcomeUnknown
from voxport.gateway import open_gateway
from voxport.provider_calls.service import NewCall

TTS = "/v1/proxy/core-tts"
SERVICE: ServiceName = "core-tts"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def fake_env(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProviderEnv]:
    """A gateway with the fake provider, shared by all tests here; each test looks at its own rows only."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None
    fake_env = with_fake_provider(
        partial(open_gateway, settings_for(tmp_path_factory.mktemp("books"), database_url=url))
    )
    yield fake_env
    fake_env.gateway.close()


@pytest.fixture
def payer(fake_env: FakeProviderEnv) -> GatewayClient:
    return open_client(fake_env.gateway)


def queued(payer: GatewayClient) -> str:
    """Queues a speech job; returns its id."""
    answer = payer.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def completed(payer: GatewayClient) -> str:
    """Queues a job and completes it as the worker does; returns its id."""
    job_id = queued(payer)
    work(payer, job_id)
    assert payer.get(f"/v2/jobs/{job_id}").json()["status"] == "completed"
    return job_id


def lost(payer: GatewayClient) -> str:
    """Makes a failed job with an unknown outcome, whose hold stays open; returns its id."""
    job_id, gateway = queued(payer), payer.gateway
    gateway.jobs.begin(job_id)
    job = gateway.jobs.find(job_id)
    assert job is not None
    with gateway.database.transaction() as tx:
        gateway.provider_calls.open(tx, NewCall("speech", "elevenlabs", "hum", payer.profile_id, job.hold_id, job_id))
    unknown = gateway.provider_calls.record_unknown_job(job_id, OutcomeUnknown("Nobody knows."))
    assert gateway.jobs.fail(job, unknown)
    return job_id


def hold_of(payer: GatewayClient, job_id: str) -> str:
    job = payer.gateway.jobs.find(job_id)
    assert job is not None
    return job.hold_id


def problems(payer: GatewayClient, *ids: str) -> list[str]:
    return [problem for problem in payer.gateway.reconciliation.verify() if any(one in problem for one in ids)]


def strike(payer: GatewayClient, statement: str, **values: Any) -> None:
    """Changes one row directly in the database."""
    with payer.gateway.database.transaction() as tx:
        assert tx.execute(text(statement), values).rowcount == 1  # type: ignore[attr-defined]


def test_all_that_may_be_under_way_is_clean(payer: GatewayClient) -> None:
    jobs = [queued(payer), completed(payer), lost(payer)]
    cancelled = queued(payer)
    assert payer.post(f"/v2/jobs/{cancelled}/cancel").status_code == 200
    processing = queued(payer)
    payer.gateway.jobs.begin(processing)
    assert payer.post(TTS, {"text": "Hello.", "voice_id": "hum"}).status_code == 200
    with payer.gateway.held_calls.hold(BilledCall(payer.profile_id, SERVICE, "req_here"), units=ONE_CLONE) as call:
        holds = [hold_of(payer, job_id) for job_id in (*jobs, cancelled, processing)]
        assert problems(payer, call.hold_id, *jobs, *holds, cancelled, processing) == []


# Changes to the row of a job in a state (completed, queued, lost), and whose id the problem must name.
STROKES: dict[str, tuple[str, str, str]] = {
    "a charged job called cancelled": ("completed", "UPDATE jobs SET status = 'cancelled' WHERE id = :job", "hold"),
    "a charged job removed": ("completed", "DELETE FROM jobs WHERE id = :job", "hold"),
    "a job of another cost": (
        "completed",
        "UPDATE jobs SET token_cost = token_cost + 1 WHERE id = :job",
        "job",
    ),
    "a charged job opened again": ("completed", "UPDATE jobs SET status = 'queued' WHERE id = :job", "hold"),
    "a job of another hold": ("completed", "UPDATE jobs SET hold_id = :other WHERE id = :job", "job"),
    "a charged hold of another job": ("completed", "UPDATE holds SET job_id = 'no-such-job' WHERE id = :hold", "hold"),
    "a job called completed": ("queued", "UPDATE jobs SET status = 'completed' WHERE id = :job", "job"),
    "a job called failed": ("queued", "UPDATE jobs SET status = 'failed' WHERE id = :job", "hold"),
    "an open job removed": ("queued", "DELETE FROM jobs WHERE id = :job", "hold"),
    "an open hold without its job": ("queued", "UPDATE holds SET job_id = NULL WHERE id = :hold", "hold"),
    "an unknown outcome forgotten": ("lost", "DELETE FROM intents WHERE hold_id = :hold", "hold"),
    "an unknown outcome called lost": ("lost", "UPDATE intents SET state = 'lost' WHERE hold_id = :hold", "hold"),
}


@pytest.mark.parametrize("stroke", list(STROKES), ids=lambda name: name.replace(" ", "_"))
def test_verify_names_the_row_after(payer: GatewayClient, stroke: str) -> None:
    kind, statement, named = STROKES[stroke]
    job_id = {"completed": completed, "queued": queued, "lost": lost}[kind](payer)
    ids = {"job": job_id, "hold": hold_of(payer, job_id), "other": hold_of(payer, queued(payer))}
    assert problems(payer, *ids.values()) == []
    strike(payer, statement, **{name: value for name, value in ids.items() if f":{name}" in statement})
    assert problems(payer, ids[named])


def open_hold(payer: GatewayClient, owner: str | None) -> str:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.billing.hold(
            tx, profile_id=payer.profile_id, service=SERVICE, amount=10, request_id="req_o", owner=owner
        )


def test_an_open_hold_that_nobody_will_settle_is_named(payer: GatewayClient) -> None:
    (problem,) = problems(payer, hold_id := open_hold(payer, None))
    assert problem == f"hold {hold_id}: it is open, and no process, job or intent will settle it"


def test_an_open_hold_of_a_dead_process_is_named_until_it_is_given_back(payer: GatewayClient) -> None:
    hold_id = open_hold(payer, "calls_of_the_dead")
    (problem,) = problems(payer, hold_id)
    assert "calls_of_the_dead is dead" in problem
    payer.gateway.provider_calls.release_dead_owners()
    assert problems(payer, hold_id) == []


def test_a_call_whose_process_ended_well_while_it_was_looked_for_is_no_problem(
    payer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = payer.gateway
    hold_id = open_hold(payer, "calls_that_end")

    def ends(name: str) -> bool:
        with gateway.database.transaction() as tx:
            gateway.billing.release(tx, hold_id)
        return False

    monkeypatch.setattr(gateway.reconciliation._leases, "is_held", ends)
    assert problems(payer, hold_id) == []


def test_a_busy_gateway_is_clean_at_every_moment(payer: GatewayClient) -> None:
    before = set(payer.gateway.reconciliation.verify())
    ended = threading.Event()

    def speak() -> None:
        while not ended.is_set():
            payer.another_customer().post(TTS, {"text": "Hello.", "voice_id": "hum", "output_format": "pcm"})
            completed(payer)
            payer.post(f"/v2/jobs/{queued(payer)}/cancel")

    threads = [threading.Thread(target=speak) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            assert set(payer.gateway.reconciliation.verify()) <= before
    finally:
        ended.set()
        for thread in threads:
            thread.join()


_DIES_IN_A_CALL = """
import sys
from pathlib import Path
from voxport.billing.held_calls import BilledCall
from voxport.cloning.service import ONE_CLONE
from voxport.gateway import open_gateway
from voxport.settings import Settings
gateway = open_gateway(Settings(_env_file=None, data_dir=Path(sys.argv[1])))
with gateway.held_calls.hold(BilledCall(sys.argv[2], "core-tts", "req_dies"), units=ONE_CLONE) as call:
    print(call.hold_id, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_call_in_another_process_is_clean_until_that_process_is_killed(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    payer = open_client(make_gateway(data_dir=tmp_path / "data"))
    child = subprocess.Popen(
        [sys.executable, "-c", _DIES_IN_A_CALL, str(tmp_path / "data"), payer.profile_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=":".join(sys.path), **environment_of(tmp_path / "data")),
    )
    assert child.stdout is not None
    hold_id = child.stdout.readline().strip()
    assert hold_id.startswith("hold_")
    assert payer.gateway.reconciliation.verify() == []
    child.kill()
    child.communicate()
    # On Postgres the lease of a killed process is not renewed for 3 s before it counts as dead.
    wait_until(payer.gateway.reconciliation.verify, seconds=60, what="the finding")
    (problem,) = payer.gateway.reconciliation.verify()
    assert hold_id in problem
    payer.gateway.provider_calls.release_dead_owners()
    assert payer.gateway.reconciliation.verify() == []
