"""Enqueues jobs in the caller's transaction: the client side of the job engine. See docs/decisions/0002."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from voxport.db.deferred_psycopg import psycopg_on_first_use
from voxport.db.pools import pooled_engine
from voxport.db.session import Database, sqlite_engine
from voxport.db.wakeups import notify
from voxport.jobs.pools import ENGINE, NETWORK, queue_in

with psycopg_on_first_use():
    from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

JOBS_POOL_SIZE = 4  # connections to Postgres
_NO_PROVIDER = "none"
WORKFLOW = "run_job"
APPLICATION = "voxport"
# Change it only when the order of a workflow's steps changes: rows of another version are never run.
VERSION = "voxport-jobs-1"


class DbosQueue:
    def __init__(self, database: Database, is_hosted: Callable[[str], bool]) -> None:
        """`is_hosted`: whether the provider of a name is hosted, and its jobs wait for the network."""
        self._is_hosted = is_hosted
        self._engine = jobs_engine(database)
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
        )
        self._queues: dict[str, str] = {}

    def declare(self, service: str, queue: str) -> None:
        """Set the beginning of the names of a service's queues."""
        self._queues[service] = queue

    def enqueue(self, tx: Session, job_id: str, service: str, provider: str | None = None) -> None:
        """Queue the job in the caller's transaction, in the pool of its provider: it runs only if that commits. A job
        that is enqueued twice runs once. Raises KeyError for a service that was not declared."""
        pool = NETWORK if provider is not None and self._is_hosted(provider) else ENGINE
        queue = queue_in(pool, self._queues[service])
        self._client.enqueue_in_transaction(
            tx,
            {
                "queue_name": queue,
                "queue_partition_key": provider or _NO_PROVIDER,
                "workflow_name": WORKFLOW,
                "workflow_id": job_id,
                "app_version": VERSION,
                "application_name": APPLICATION,
            },
            job_id,
        )
        notify(tx, queue)

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()


def migrate_jobs(database: Database) -> None:
    """Create or upgrade the job engine's own tables, in the same database."""
    DBOS.migrate(system_database_url=database.url)


def jobs_engine(database: Database) -> Engine:
    """Create the job engine's SQLAlchemy engine.

    DBOS reads and then writes in one transaction. On SQLite, its concurrency limits hold between processes only if
    every transaction takes the write lock at its start (measured without: 6 jobs ran at once where 3 were allowed)."""
    return (
        sqlite_engine(database.url, always_write=True)
        if database.is_sqlite
        else pooled_engine(database.url, name="voxport-jobs", pool_size=JOBS_POOL_SIZE, pool_timeout=30.0)
    )
