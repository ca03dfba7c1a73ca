"""Connections to Postgres: bounded in number and in time, and replaced when the server closed them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import MakeClient
from tests.support.client import error_of
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import environment
from voxport.db.pools import unpooled_engine
from voxport.db.session import Database
from voxport.db.transient_errors import is_transient


@pytest.fixture
def url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    url = postgres.new_database(postgres_template)
    yield url
    postgres.drop(url)


def test_a_call_that_gets_no_connection_is_told_soon_and_served_when_one_is_free(
    make_client: MakeClient, url: str
) -> None:
    client = make_client(database_url=url, database_pool_size=1, database_pool_timeout=0.1)
    with client.gateway.database.snapshot():
        began = time.monotonic()
        answer = client.get("/v2/jobs")
        assert time.monotonic() - began < 20
        assert (answer.status_code, error_of(answer)["code"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/v2/jobs").status_code == 200


def test_a_pool_of_one_connection_serves_every_kind_of_reading(make_client: MakeClient, url: str) -> None:
    """No call needs a second connection while it has one: with many calls at once all would wait for each other."""
    client = make_client(database_url=url, database_pool_size=1, database_pool_timeout=0.1)
    paths = (
        "/v2/jobs",
        "/v2/billing/balance",
        "/v2/billing/usage",
        "/v1/media",
        "/v2/keys",
        "/v1/proxy/core-tts-voices",
    )
    for path in paths:
        assert client.get(path).status_code == 200, path
    client.upload()
    assert client.gateway.reconciliation.verify() == []


def test_no_call_fails_because_the_server_closed_idle_connections(
    make_client: MakeClient, postgres: Postgres, url: str
) -> None:
    client = make_client(database_url=url)
    with client.gateway.database.snapshot(), client.gateway.database.snapshot():
        pass  # two connections in the pool
    for _ in range(2):
        postgres.disconnect_all(url)
        assert [client.get("/v2/jobs").status_code for _ in range(3)] == [200] * 3


def test_a_statement_that_takes_too_long_is_ended(url: str) -> None:
    with closing(Database(url, statement_timeout=0.05)) as database:
        with pytest.raises(DBAPIError) as caught, database.snapshot() as tx:
            tx.execute(text("SELECT pg_sleep(60)"))
        assert is_transient(caught.value)
        with database.snapshot(is_long=True) as tx:
            tx.execute(text("SELECT pg_sleep(0.2)"))
        with database.connection() as connection:  # a migration
            connection.execute(text("SELECT pg_sleep(0.2)"))
        with pytest.raises(DBAPIError), database.snapshot() as tx:  # the bounds are back on the same connection
            tx.execute(text("SELECT pg_sleep(60)"))


def test_a_row_that_is_locked_is_not_waited_for_without_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxport.db.pools.LOCK_SECONDS", 0.05)
    with closing(Database(url)) as database, closing(Database(url)) as other, other.transaction() as holder:
        holder.execute(text("SELECT * FROM audit_head FOR UPDATE"))
        with pytest.raises(DBAPIError) as caught, database.transaction() as tx:
            tx.execute(text("SELECT * FROM audit_head FOR UPDATE"))
        assert is_transient(caught.value)


def test_a_transaction_that_pauses_too_long_is_ended_and_may_be_tried_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.db.pools.IDLE_IN_TRANSACTION_SECONDS", 0.05)
    with closing(Database(url)) as database:
        with pytest.raises(DBAPIError) as caught, database.transaction() as tx:
            tx.execute(text("SELECT 1"))
            _wait_until_closed(tx.connection().connection.driver_connection)
            tx.execute(text("SELECT 1"))
        assert is_transient(caught.value)
        database.ping()


def _wait_until_closed(connection: psycopg.Connection | None) -> None:
    assert connection is not None
    with socket.socket(fileno=connection.fileno()) as own:
        own.settimeout(30)
        own.recv(1, socket.MSG_PEEK)
        own.detach()


@pytest.mark.slow
def test_both_ends_look_for_a_peer_that_the_network_cut_off() -> None:
    with running_postgres(has_port=True) as server:
        url = server.new_database()
        database = Database(url)
        leases = unpooled_engine(url, name="test")
        with database.snapshot() as tx, leases.connect() as lease:
            for connection in (tx.connection(), lease):
                driver = connection.connection.driver_connection
                assert isinstance(driver, psycopg.Connection)
                with socket.socket(fileno=driver.fileno()) as own:
                    assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                    idle, interval, count = (own.getsockopt(socket.IPPROTO_TCP, option) for option in options)
                    assert idle + interval * count <= 10
                    assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
                    own.detach()
                shown = [
                    connection.execute(text(f"SHOW tcp_{name}")).scalar()
                    for name in ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
                ]
                assert shown == ["4", "2", "3", "10000"]
        database.close()


def test_what_the_url_says_itself_is_kept(url: str) -> None:
    own = "&options=-c%20work_mem%3D7MB%20-c%20statement_timeout%3D1234&application_name=mine"
    with closing(Database(url + own)) as database, database.snapshot() as tx:
        shown = [tx.scalar(text(f"SHOW {name}")) for name in ("work_mem", "statement_timeout", "application_name")]
    assert shown == ["7MB", "1234ms", "mine"]


_STARTED = """
import os, sys
from pathlib import Path
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner
from voxport.settings import Settings
import voxport.app, voxport.worker
gateway = open_gateway(Settings(_env_file=None, data_dir=Path(sys.argv[1])))
runner = JobRunner(gateway.jobs, gateway.handlers)
DbosWorker(gateway.database, gateway.leases, runner, poll_seconds=0.1).start()
with gateway.database.snapshot(): pass
print("psycopg" in sys.modules, flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_a_worker_on_sqlite_does_not_load_the_driver_of_postgres(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _STARTED, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=tmp_path,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (0, "False\n"), result.stderr
