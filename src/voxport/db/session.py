"""Connections and transactions.

SQLite is opened in WAL mode with `synchronous=FULL`: money is written here, and NORMAL may lose the last commits
when the power goes. It has one writer at a time: a lock inside the process, `BEGIN IMMEDIATE` and a busy timeout
between processes. Readers see a snapshot and wait for nobody.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Engine, Update, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

BUSY_TIMEOUT_SECONDS = 30
POOL_SIZE = 16


class Database:
    """The gateway's database. `transaction()` writes, `snapshot()` reads; both give a Session and are short."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = _backend(url) == "sqlite"
        self._engine = (
            sqlite_engine(url)
            if self.is_sqlite
            # No overflow: four processes stay under the hundred connections that Postgres takes as it comes.
            else create_engine(url, pool_size=POOL_SIZE, max_overflow=0, hide_parameters=True)
        )
        # Several statements see one state: SQLite's readers do so by themselves.
        self._reader = (
            self._engine if self.is_sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writer_lock = threading.Lock()
        self._in_transaction = threading.local()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commits at the end of the block, rolls back when it raises. Not to be nested: it would wait for itself."""
        if getattr(self._in_transaction, "open", False):
            raise RuntimeError("a transaction inside a transaction")
        with self._hold_writer_lock() if self.is_sqlite else contextlib.nullcontext():
            self._in_transaction.open = True
            try:
                with (
                    self._engine.execution_options(voxport_write=True).connect() as connection,
                    Session(connection, expire_on_commit=False) as session,
                    session.begin(),
                ):
                    yield session
            finally:
                self._in_transaction.open = False

    @contextlib.contextmanager
    def _hold_writer_lock(self) -> Iterator[None]:
        """The right to write, within this process. Raises OperationalError where it does not come in time: those that
        wait behind one that waits for another process would else wait for one another's time-outs, too."""
        if not self._writer_lock.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise OperationalError("BEGIN IMMEDIATE", None, busy)
        try:
            yield
        finally:
            self._writer_lock.release()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A consistent view to read from; whatever is changed in it is dropped."""
        with self._reader.connect() as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare connection in a write transaction, for migrations."""
        with self._engine.execution_options(voxport_write=True).connect() as connection, connection.begin():
            yield connection

    def ping(self) -> None:
        """Raises where the database doesn't answer."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()


def _backend(url: str) -> str:
    """Raises ValueError for what is neither of the two databases."""
    try:
        name = make_url(url).get_backend_name()
    except ArgumentError:
        name = ""
    if name not in ("sqlite", "postgresql"):
        raise ValueError(
            f"VOXPORT_DATABASE_URL names {name or 'no database'}: give sqlite:////folder/file.db or postgresql+psycopg://…"
        )
    return name


def update_one(tx: Session, statement: Update) -> bool:
    """Run a guarded UPDATE: whether its one row was there and changed."""
    return cast(CursorResult[Any], tx.execute(statement)).rowcount == 1


def sqlite_engine(url: str, *, always_write: bool = False) -> Engine:
    """An engine for a SQLite file whose write transactions begin with IMMEDIATE, so that they wait for the lock at
    their start instead of failing in their middle. With `always_write` all transactions do."""
    path = make_url(url).database
    if not path or path == ":memory:":
        raise ValueError("SQLite needs a file: several processes share the database")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        hide_parameters=True,  # an error is logged, and a job's parameters hold URLs
        connect_args={
            "timeout": BUSY_TIMEOUT_SECONDS,
            "isolation_level": None,
            "check_same_thread": False,
        },
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = always_write or connection.get_execution_options().get("voxport_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
