"""Leases on Postgres: taken over from a process that is dead, frozen or cut off, and from no other."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.support.postgres import Postgres
from tests.support.server import environment, wait_until
from voxport.db.lease import Lease, LeaseLost, Leases
from voxport.db.session import Database
from voxport.db.table_leases import LEASE_SECONDS, TableLeases, _lock_key

_HOLD = (
    "import sys; from voxport.db.lease import Leases; leases = Leases(sys.argv[1]); "
    "lease = leases.acquire_own('worker', on_lost=lambda: print('lost', flush=True)); "
    "print(lease.name, flush=True); sys.stdin.readline()"
)
_TAKE_OVER_SECONDS = LEASE_SECONDS + 4


@pytest.fixture
def url(postgres: Postgres, postgres_template: str) -> str:
    """A database of a server that has run for long enough: nobody takes over just after its start."""
    url = postgres.new_database(postgres_template)
    age = "SELECT now() - pg_postmaster_start_time() > interval '7 seconds'"
    wait_until(lambda: query(url, age), seconds=20, what="the server's age")
    return url


@pytest.fixture
def holder(url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process, and the name of its lease."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert child.stdout is not None
    yield child, child.stdout.readline().strip()
    child.kill()
    child.wait()


def execute(url: str, statement: str) -> None:
    with _session(url) as session:
        session.execute(text(statement))


def query(url: str, statement: str) -> Any:
    with _session(url) as session:
        return session.scalar(text(statement))


def _session(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


def taken_over(leases: Leases, name: str) -> Lease:
    """Takes a lease over as soon as possible."""
    taken: list[Lease] = []

    def take() -> bool:
        lease = leases.try_take_over(name)
        if lease is not None:
            taken.append(lease)
        return lease is not None

    wait_until(take, seconds=_TAKE_OVER_SECONDS, what="the take-over")
    return taken[0]


def test_a_lease_is_held_by_one(url: str) -> None:
    mine, others = Leases(url), Leases(url)
    lease = mine.try_acquire("room")
    assert lease is not None
    assert mine.try_acquire("room") is None
    assert others.try_acquire("room") is None
    assert others.is_held("room")
    lease.release()
    lease.release()
    assert not others.is_held("room")
    with others.hold("room", 1):
        assert mine.is_held("room")


def test_a_killed_process_is_noticed_before_its_lease_expires(
    url: str, holder: tuple[subprocess.Popen[str], str]
) -> None:
    child, name = holder
    leases = Leases(url)
    assert leases.is_held(name)
    child.kill()
    child.wait()
    expiry = query(url, "SELECT expires_at FROM leases")
    taken_over(leases, name)
    assert query(url, "SELECT clock_timestamp()") < expiry


def test_a_frozen_process_loses_its_lease_and_is_told_so(url: str, holder: tuple[subprocess.Popen[str], str]) -> None:
    child, name = holder
    child.send_signal(signal.SIGSTOP)
    taken_over(Leases(url), name).release()
    child.send_signal(signal.SIGCONT)
    assert child.stdout is not None
    assert child.stdout.readline() == "lost\n"


def test_a_live_process_keeps_its_lease_for_longer_than_one_lasts(
    url: str, holder: tuple[subprocess.Popen[str], str]
) -> None:
    _, name = holder
    leases = Leases(url)
    own = leases.acquire_own("worker")
    until = time.monotonic() + LEASE_SECONDS + 1
    while time.monotonic() < until:
        assert leases.try_take_over(name) is None
        time.sleep(0.2)
    own.require()


def test_a_process_of_an_older_version_is_not_taken_over(url: str) -> None:
    leases = Leases(url)
    with _session(url) as older:
        older.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _lock_key("worker-0")})
        assert leases.is_held("worker-0")
        assert leases.try_take_over("worker-0") is None
    wait_until(lambda: leases.try_take_over("worker-0") is not None, seconds=10, what="the take-over")


def test_a_lost_lease_begins_no_transaction(url: str) -> None:
    database, lost = Database(url), threading.Event()
    lease = Leases(url).acquire_own("worker", on_lost=lost.set)
    database.fence(lease)
    with database.transaction() as tx:
        tx.execute(text("SELECT 1"))
    execute(url, "UPDATE leases SET token = 'another'")
    with pytest.raises(LeaseLost), database.transaction() as tx:
        tx.execute(text("SELECT 1"))
    wait_until(lost.is_set, seconds=10, what="the news")
    assert lease.is_lost
    with pytest.raises(LeaseLost):
        database.require_fence()
    other = Leases(url).acquire_own("calls")
    with database.transaction(fence=other) as tx:
        tx.execute(text("SELECT 1"))
    database.close()


def test_a_transaction_that_has_begun_ends_before_a_take_over(url: str) -> None:
    database, leases, others = Database(url), Leases(url), Leases(url)
    lease = leases.acquire_own("worker")
    assert isinstance(leases._store, TableLeases)
    leases._store.renew = lambda: None  # type: ignore[method-assign]  # as a process that was cut off
    with database.transaction(fence=lease) as tx:
        tx.execute(text("SELECT 1"))
        execute(url, "UPDATE leases SET expires_at = now() - interval '1 minute'")
        assert others.try_take_over(lease.name) is None
    assert others.try_take_over(lease.name) is not None
    database.close()


def test_a_transaction_whose_process_is_frozen_is_ended_by_the_server(url: str) -> None:
    database, lease = Database(url), Leases(url).acquire_own("worker")
    with pytest.raises(DBAPIError), database.transaction(fence=lease) as tx:
        tx.execute(text("SELECT 1"))
        time.sleep(5)
        tx.execute(text("SELECT 1"))
    database.close()


def test_nobody_takes_over_just_after_an_outage(url: str) -> None:
    now = [0.0]
    store = TableLeases(url, clock=lambda: now[0])
    assert store.try_acquire("worker_me", lambda: None, is_process=True) is not None
    execute(url, "INSERT INTO leases VALUES ('worker_it', 'its', now() - interval '1 minute')")
    now[0] = 20.0  # no renewal succeeded meanwhile
    store.renew()
    assert store.try_acquire("worker_it", lambda: None, is_process=True) is None
    now[0] += LEASE_SECONDS + 1
    assert store.try_acquire("worker_it", lambda: None, is_process=True) is not None
    store.close()


def test_a_lease_survives_the_loss_of_its_session(url: str) -> None:
    leases, others = Leases(url), Leases(url)
    lease = leases.acquire_own("worker")
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND datname = current_database()",
    )
    assert others.try_take_over(lease.name) is None
    store = leases._store
    assert isinstance(store, TableLeases)
    wait_until(lambda: store._held[lease.name].has_session_lock and store._connection, seconds=10, what="a session")
    lease.require()
    assert others.try_take_over(lease.name) is None


def test_expired_names_are_swept(url: str) -> None:
    execute(url, "INSERT INTO leases VALUES ('calls_old', 'its', now() - interval '1 day')")
    leases = Leases(url)
    own = leases.acquire_own("calls")
    assert leases.sweep() == 1
    assert leases.is_held(own.name)
