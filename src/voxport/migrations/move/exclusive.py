"""Opens a database that nobody else uses, and keeps everybody else out until the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import NullPool

from voxport.db.pools import unpooled_engine
from voxport.db.session import Database
from voxport.db.urls import with_driver

_LOCK_SECONDS: Final = 2
_SUFFIX: Final = ".moved"
_OTHERS: Final = text(
    "SELECT coalesce(nullif(application_name, ''), 'without a name'), count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' "
    "GROUP BY 1 ORDER BY 1"
)


class MoveError(Exception):
    """The data can't be moved. The message is for the operator."""


class Place:
    """One of the two databases. Raises MoveError for a URL that names none."""

    def __init__(self, url: str) -> None:
        self.url = with_driver(url)
        try:
            self.is_sqlite = make_url(self.url).get_backend_name() == "sqlite"
            self._path = Path(make_url(self.url).database or "") if self.is_sqlite else None
        except ArgumentError:
            raise MoveError("Give two URLs: sqlite:////folder/voxport.db and postgresql://user@host/name.") from None

    def exists(self) -> bool:
        """Return whether there is a database with tables. Creates no file."""
        if self._path is not None and not self._path.is_file():
            return False
        database = Database(self.url)
        try:
            with database.snapshot() as tx:
                return bool(inspect(tx.connection()).get_table_names())
        finally:
            database.close()

    def engine(self) -> Engine:
        if not self.is_sqlite:
            return unpooled_engine(self.url, name="voxport-move")
        return create_engine(
            self.url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"isolation_level": None, "timeout": _LOCK_SECONDS},
        )

    def retire(self) -> str | None:
        """Rename a SQLite file, so that no gateway starts on it. Returns its new name, or None for Postgres."""
        if self._path is None:
            return None
        kept = self._path.with_name(self._path.name + _SUFFIX)
        number = 1
        while kept.exists():
            number += 1
            kept = self._path.with_name(f"{self._path.name}{_SUFFIX}-{number}")
        self._path.rename(kept)
        return str(kept)


@contextlib.contextmanager
def open_exclusively(place: Place, what: str) -> Iterator[Connection]:
    """Yield a connection in a transaction that excludes all others. Raises MoveError if another process has the
    database open: a gateway keeps its connections as long as it runs."""
    with place.engine().connect() as connection:
        if place.is_sqlite:
            _lock_file(connection, what)
        else:
            _require_nobody_else(connection, what)
            _lock_tables(connection)
        yield connection


def _lock_file(connection: Connection, what: str) -> None:
    # SQLite leaves WAL mode only if no other connection is open.
    try:
        connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
    except OperationalError:
        raise MoveError(
            f"Another process uses the {what}. Stop voxport serve, every worker and every command on it, and run this "
            "again."
        ) from None


def _require_nobody_else(connection: Connection, what: str) -> None:
    # A connection that its process has closed is there a moment longer.
    deadline = time.monotonic() + _LOCK_SECONDS
    while others := connection.execute(_OTHERS).all():
        if time.monotonic() > deadline:
            shown = ", ".join(f"{name} ({count})" for name, count in others)
            raise MoveError(f"Others are connected to the {what}: {shown}. Stop them, and run this again.")
        connection.rollback()  # the view of activity is that of the transaction's start
        time.sleep(0.05)


def _lock_tables(connection: Connection) -> None:
    """Make a gateway that starts meanwhile wait, and then give up."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    found = inspect(connection)
    quote = connection.dialect.identifier_preparer.quote
    names = [quote(name) for name in found.get_table_names()]
    if "dbos" in found.get_schema_names():
        names += [f"dbos.{quote(name)}" for name in found.get_table_names("dbos")]
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
