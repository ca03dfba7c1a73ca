"""The job engine's sending side: enqueue in the caller's transaction. See docs/decisions/0002."""

from __future__ import annotations

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from voxport.db.session import Database, sqlite_engine
from voxport.db.wakeups import notify

_NO_PROVIDER = "none"
WORKFLOW = "run_job"
APPLICATION = "voxport"
# Bumped only when the order of a workflow's steps changes: rows of another version would wait for ever.
VERSION = "voxport-jobs-1"


class DbosQueue:
    def __init__(self, database: Database) -> None:
        self._engine = jobs_engine(database)
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
        )
        self._queues: dict[str, str] = {}

    def declare(self, service: str, queue: str) -> None:
        """Say into which queue the jobs of a service go."""
        self._queues[service] = queue

    def enqueue(self, tx: Session, job_id: str, service: str, provider: str | None = None) -> None:
        """Queue the job in the caller's transaction: it runs when that commits, and never when it doesn't. The
        same job enqueued twice runs once. Raises KeyError for a service that was not declared."""
        self._client.enqueue_in_transaction(
            tx,
            {
                "queue_name": self._queues[service],
                "queue_partition_key": provider or _NO_PROVIDER,
                "workflow_name": WORKFLOW,
                "workflow_id": job_id,
                "app_version": VERSION,
                "application_name": APPLICATION,
            },
            job_id,
        )
        notify(tx)

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()


def migrate_jobs(database: Database) -> None:
    """Make or upgrade the job engine's own tables, in the same database."""
    DBOS.migrate(system_database_url=database.url)


def jobs_engine(database: Database) -> Engine:
    """The job engine reads and then writes in one transaction, and on SQLite its limits hold between processes only
    where every transaction takes the write lock at its start (measured: 6 jobs at once where 3 were allowed)."""
    return (
        sqlite_engine(database.url, always_write=True)
        if database.is_sqlite
        else create_engine(database.url, pool_size=4, max_overflow=0, hide_parameters=True)
    )
