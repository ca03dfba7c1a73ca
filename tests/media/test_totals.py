"""The bytes that a profile stores are kept by the database, whoever changes its files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from tests.support.client import GatewayClient
from voxport.media import repository

MEDIA = "/v1/media"


def totals(client: GatewayClient) -> tuple[int, int]:
    """Return the kept total and the sum of the rows."""
    with client.gateway.database.snapshot() as tx:
        summed = tx.scalar(
            text("SELECT SUM(COALESCE(size_bytes, reserved_bytes)) FROM media WHERE profile_id = :id"),
            {"id": client.profile_id},
        )
        return repository.stored_bytes(tx, client.profile_id), int(summed or 0)


def uploaded(client: GatewayClient) -> str:
    """Upload a file and return its key. A gateway on S3 counts it from its first look."""
    key: str = client.upload()["object_key"]
    assert client.get(f"{MEDIA}/{key}").status_code == 200
    return key


def test_the_total_is_the_sum_after_every_change(both: GatewayClient) -> None:
    assert totals(both) == (0, 0)
    first, second = (uploaded(both) for _ in range(2))
    both.upload_slot()
    kept, summed = totals(both)
    assert kept == summed > 0
    assert both.delete(f"{MEDIA}/{first}").status_code == 200
    kept, summed = totals(both)
    assert kept == summed > 0
    with both.gateway.database.transaction() as tx:  # as an older version changes it
        tx.execute(text("UPDATE media SET size_bytes = 12345 WHERE key = :key"), {"key": second})
    assert totals(both)[0] == totals(both)[1]
    assert both.delete(f"{MEDIA}/{second}").status_code == 200
    assert totals(both)[0] == totals(both)[1]


def test_on_postgres_a_total_is_locked_no_earlier_than_at_the_commit(shared_postgres: GatewayClient) -> None:
    """Calls change it and the balance, each in an order of its own. Locked by the first change, they would deadlock."""
    database, media = shared_postgres.gateway.database, shared_postgres.gateway.media
    profile_id = shared_postgres.another_customer().profile_id

    def add_another() -> None:
        with database.transaction() as tx:
            tx.execute(text("SET LOCAL lock_timeout = '2s'"))
            media.add_speech(tx, profile_id, f"audio/tts/{profile_id}/b.wav", "audio/wav", 2)

    with ThreadPoolExecutor(1) as threads, database.transaction() as tx:
        media.add_speech(tx, profile_id, f"audio/tts/{profile_id}/a.wav", "audio/wav", 1)
        threads.submit(add_another).result()
    with database.snapshot() as tx:
        assert repository.stored_bytes(tx, profile_id) == 3


def test_a_total_is_of_one_profile(both: GatewayClient) -> None:
    other = both.another_customer()
    uploaded(other)
    assert totals(both) == (0, 0)
    assert totals(other)[0] > 0
