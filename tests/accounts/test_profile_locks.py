"""What waits while a transaction has a profile locked, on Postgres: SQLite has a single writer anyway."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.support.client import GatewayClient
from voxport.accounts.service import lock_profile, require_active
from voxport.billing.repository import lock_balance
from voxport.spoken_lines.service import SpokenLines

Lock = Callable[[GatewayClient, Session, str], object]


def record_line(customer: GatewayClient, tx: Session, profile_id: str) -> None:
    lines = SpokenLines(customer.gateway.database, customer.gateway.storage, lifetime=timedelta(days=1))
    lines.record(tx, profile_id, "0" * 64, key="lines/a", voice_ids={"af_heart"}, samples=1)


LOCKS: dict[str, Lock] = {
    "lock_profile": lambda _, tx, profile_id: lock_profile(tx, profile_id),
    "require_active": lambda _, tx, profile_id: require_active(tx, profile_id),
    "the balance": lambda _, tx, profile_id: lock_balance(tx, profile_id),
    "a spoken line": record_line,
}


@pytest.mark.parametrize("name", LOCKS)
def test_rows_that_refer_to_a_locked_profile_are_written_meanwhile(shared_postgres: GatewayClient, name: str) -> None:
    """Else a call that has written one waits for whoever has the profile, who may wait for another row of that call:
    a job's line that was lost, while another line of it was recorded, ended in such a deadlock."""
    customer = shared_postgres.another_customer()
    database, media = customer.gateway.database, customer.gateway.media

    def add_file() -> None:
        with database.transaction() as tx:
            tx.execute(text("SET LOCAL lock_timeout = '2s'"))
            media.add_speech(tx, customer.profile_id, f"audio/tts/{customer.profile_id}/a.wav", "audio/wav", 1)

    with ThreadPoolExecutor(1) as threads, database.transaction() as tx:
        LOCKS[name](customer, tx, customer.profile_id)
        threads.submit(add_file).result()


def test_two_can_not_have_a_profile_locked(shared_postgres: GatewayClient) -> None:
    customer = shared_postgres.another_customer()
    database = customer.gateway.database

    def lock_too() -> None:
        with database.transaction() as tx:
            tx.execute(text("SET LOCAL lock_timeout = '200ms'"))
            lock_profile(tx, customer.profile_id)

    with ThreadPoolExecutor(1) as threads, database.transaction() as tx:
        assert lock_profile(tx, customer.profile_id) == "active"
        with pytest.raises(OperationalError, match="lock timeout"):
            threads.submit(lock_too).result()
