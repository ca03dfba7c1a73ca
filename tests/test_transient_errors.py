"""Which errors are transient and which are bugs, tested with real errors of both databases."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from tests.support.postgres import Postgres
from voxport.db.session import Database
from voxport.errors import NotFound, Unavailable
from voxport.transient_errors import as_unavailable


def raised(url: str, *statements: str) -> Exception:
    engine = create_engine(url)
    with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    return caught.value


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_a_disk_that_refuses_its_work_is_trouble_of_storage(number: int) -> None:
    found = as_unavailable(OSError(number, "somewhere"))
    assert found is not None
    assert (found.status, found.code) == (503, "storage_unavailable")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EISDIR, errno.ENAMETOOLONG])
def test_a_wrong_path_is_a_mistake(number: int) -> None:
    assert as_unavailable(OSError(number, "somewhere")) is None


def test_sqlite_that_is_locked_full_read_only_or_gone_is_trouble(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    Database(f"sqlite:///{file}").ping()
    holder = create_engine(f"sqlite:///{file}")
    with holder.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        locked = raised(f"sqlite:///{file}?timeout=0.1", "BEGIN IMMEDIATE")
    holder.dispose()
    full = ("PRAGMA max_page_count = 2", "CREATE TABLE a (b)", "INSERT INTO a VALUES (zeroblob(100000))")
    read_only = f"sqlite:///file:{file}?mode=ro&uri=true"
    gone = f"sqlite:///{tmp_path}/nowhere/a.db"
    for error in (locked, raised(f"sqlite:///{file}", *full), raised(read_only, "CREATE TABLE c (d)"), raised(gone)):
        found = as_unavailable(error)
        assert found is not None, error
        assert (found.status, found.code) == (503, "temporarily_unavailable")


def test_a_table_that_is_not_there_is_a_mistake_on_both_databases(tmp_path: Path, postgres: Postgres) -> None:
    for url in (f"sqlite:///{tmp_path}/a.db", postgres.new_database()):
        assert as_unavailable(raised(url, "SELECT 1 FROM nowhere")) is None


def test_postgres_that_is_away_or_ends_the_connection_is_trouble(postgres: Postgres) -> None:
    url = postgres.new_database()
    for error in (
        raised("postgresql+psycopg://postgres@127.0.0.1:1/none"),
        raised(url, "SET lock_timeout = 1", "SELECT pg_terminate_backend(pg_backend_pid())"),
        NoConnection("QueuePool limit"),
    ):
        assert isinstance(as_unavailable(error), Unavailable), error


def test_what_the_caller_is_told_anyway_is_no_trouble() -> None:
    assert as_unavailable(NotFound("There is no such voice.")) is None
    unavailable = Unavailable("The recording could not be read right now.")
    assert as_unavailable(unavailable) is unavailable
