"""Connections and transactions.

SQLite is opened in WAL mode with `synchronous=FULL`, because NORMAL may lose the last commits on a power failure, and
the ledger is stored here. There is one writer at a time: a lock serialises the threads of a process, `BEGIN IMMEDIATE`
with a busy timeout serialises the processes. Readers see a snapshot and never wait.

On Postgres a write transaction can be fenced by a lease (`fence.py`): it begins only while this process holds that
lease, which nobody can take over before the transaction ends.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Engine, Update, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from voxport.db.lease import Lease
from voxport.db.pools import lift_bounds, pooled_engine
from voxport.db.prepared import StatementReader, prepare
from voxport.db.transient_errors import CommitLost

BUSY_TIMEOUT_SECONDS = 30
POOL_SIZE = 16
POOL_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 30.0
_MAX_KEPT_WRITERS = 8


class Database:
    """The gateway's database. `transaction()` writes and `snapshot()` reads; both yield a Session, for short use."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        pool_timeout: float = POOL_TIMEOUT_SECONDS,
        statement_timeout: float = STATEMENT_TIMEOUT_SECONDS,
    ) -> None:
        """The options are for Postgres: the number of connections, the seconds that a caller waits for one, and the
        seconds that a statement may take. Raises ValueError for another kind of database."""
        self.url = url
        self.is_sqlite = _backend(url) == "sqlite"
        self._engine = (
            sqlite_engine(url)
            if self.is_sqlite
            else _postgres_engine(
                url, name="voxport", pool_size=pool_size, pool_timeout=pool_timeout, statement_timeout=statement_timeout
            )
        )
        # All statements of a snapshot must see one state. SQLite's read transactions do so by default.
        self._reader = (
            self._engine if self.is_sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._statements = (
            self._engine if self.is_sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._writer_lock = threading.Lock()
        self._in_transaction = threading.local()
        self._fence: Lease | None = None
        self._writers: dict[Lease | None, Engine] = {}

    def fence(self, lease: Lease) -> None:
        """Fence every later transaction of this process by a lease."""
        self._fence = lease

    def require_fence(self) -> None:
        """Raises LeaseLost if this process has lost the lease that `fence()` was given. For use just before an effect
        outside the database."""
        if self._fence is not None:
            self._fence.require()

    @contextlib.contextmanager
    def transaction(self, *, fence: Lease | None = None) -> Iterator[Session]:
        """Commit at the end of the block, or roll back if it raises. Raises LeaseLost if this process has lost the
        lease `fence`, by default the one that `fence()` was given; CommitLost; RuntimeError if nested, which would
        deadlock."""
        if getattr(self._in_transaction, "open", False):
            raise RuntimeError("a transaction inside a transaction")
        with self._hold_writer_lock() if self.is_sqlite else contextlib.nullcontext():
            self._in_transaction.open = True
            try:
                with (
                    _connect(self._writer(fence or self._fence)) as connection,
                    Session(connection, expire_on_commit=False) as session,
                ):
                    prepare(session)
                    yield session
                    _commit(session)
            finally:
                self._in_transaction.open = False

    def _writer(self, fence: Lease | None) -> Engine:
        """Return the engine whose transactions write, fenced by a lease. Making one takes 40 µs, and few leases are
        used."""
        engine = self._writers.get(fence)
        if engine is None:
            if len(self._writers) >= _MAX_KEPT_WRITERS:
                self._writers.clear()
            engine = self._engine.execution_options(voxport_write=True, voxport_fence=fence)
            self._writers[fence] = engine
        return engine

    @contextlib.contextmanager
    def _hold_writer_lock(self) -> Iterator[None]:
        """Serialise the writers of this process. Raises OperationalError after BUSY_TIMEOUT_SECONDS; otherwise threads
        queued behind one that waits for another process would wait for each other's timeouts in turn."""
        if not self._writer_lock.acquire(timeout=BUSY_TIMEOUT_SECONDS):
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise OperationalError("BEGIN IMMEDIATE", None, busy)
        try:
            yield
        finally:
            self._writer_lock.release()

    @contextlib.contextmanager
    def snapshot(self, *, is_long: bool = False) -> Iterator[Session]:
        """Yield a consistent view for reading; changes in it are rolled back. With `is_long` its statements and pauses
        may take any time, for reports over all rows."""
        with _connect(self._reader) as connection, Session(connection, expire_on_commit=False) as session:
            if is_long and not self.is_sqlite:
                connection.exec_driver_sql(lift_bounds())
            prepare(session)
            yield session

    @contextlib.contextmanager
    def statements(self) -> Iterator[StatementReader]:
        """Yield what runs Prepared SELECTs outside of a transaction, each of which sees a state of its own. To begin a
        transaction and to end it takes longer than to look up a row, and on Postgres asks the server twice more."""
        with _connect(self._statements) as connection:
            yield StatementReader(connection)

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a bare connection in a write transaction, for migrations."""
        with self._engine.execution_options(voxport_write=True).connect() as connection, connection.begin():
            if not self.is_sqlite:
                connection.exec_driver_sql(lift_bounds(is_migration=True))
            yield connection

    def pool_usage(self) -> tuple[int, int]:
        """Return the connections of this process that are in use, and the most that may be."""
        pool = self._engine.pool
        return (pool.checkedout(), pool.size() + max(0, pool._max_overflow)) if isinstance(pool, QueuePool) else (0, 0)

    def ping(self) -> None:
        """Raises if the database does not respond."""
        with _connect(self._engine) as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()


def _commit(session: Session) -> None:
    try:
        session.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise CommitLost(
                error.statement, None, error.orig or error, hide_parameters=True, connection_invalidated=True
            ) from error
        raise


def _connect(engine: Engine) -> Connection:
    """Take a connection from the pool. Raises OperationalError if none is free in time, as if the server had refused
    one, so that callers need to know one kind of error only."""
    try:
        return engine.connect()
    except PoolTimeout as error:
        raise OperationalError("connect", None, error) from None


def _backend(url: str) -> str:
    """Return `sqlite` or `postgresql`. Raises ValueError for any other URL."""
    try:
        name = make_url(url).get_backend_name()
    except ArgumentError:
        name = ""
    if name not in ("sqlite", "postgresql"):
        raise ValueError(
            f"VOXPORT_DATABASE_URL names {name or 'no database'}: give sqlite:////folder/file.db or postgresql+psycopg://…"
        )
    return name


def _postgres_engine(url: str, **options: Any) -> Engine:
    from voxport.db.fence import fence_writes  # its driver is not always installed

    engine = pooled_engine(url, **options)
    fence_writes(engine)
    return engine


def update_one(tx: Session, statement: Update) -> bool:
    """Run a guarded UPDATE; returns whether it changed exactly one row."""
    return cast(CursorResult[Any], tx.execute(statement)).rowcount == 1


def sqlite_engine(url: str, *, always_write: bool = False) -> Engine:
    """Create an engine for a SQLite file. Write transactions, or all with `always_write`, use BEGIN IMMEDIATE, so that
    they wait for the lock at their start instead of failing midway. Raises ValueError for an in-memory database."""
    path = make_url(url).database
    if not path or path == ":memory:":
        raise ValueError("SQLite needs a file: several processes share the database")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        hide_parameters=True,  # errors are logged, and the parameters of jobs contain URLs
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
