"""Dumps a consistent state of the database to a file, and restores it. SQLite uses its backup API, Postgres pg_dump and
pg_restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.pool import NullPool

from voxport.backup.manifest import BackupError, copy_file, fsync_path
from voxport.backup.referenced_files import ReferencedFiles, referenced_files

_TIMEOUT_SECONDS: Final = 30.0
DUMP_NAMES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
"""Names of the dump file in the backup, by kind of database."""
# The processes of the backed-up gateway would count as alive for some seconds in a restored one, with their holds.
_LEFT_OUT: Final = ("--exclude-table-data=leases",)


def kind_of(url: str) -> str:
    return make_url(url).get_backend_name()


def exists(url: str) -> bool:
    """Return whether the database holds any data."""
    if kind_of(url) == "sqlite":
        return _path(url).exists()
    engine = create_engine(url, poolclass=NullPool)
    with contextlib.closing(engine.connect()) as connection:
        return bool(inspect(connection).get_table_names())


def dump(url: str, target: Path) -> ReferencedFiles:
    """Dump the database to a file. Returns the files that the same snapshot references. Raises BackupError."""
    if kind_of(url) == "sqlite":
        return _dump_sqlite(_path(url), target)
    return _dump_postgres(url, target)


def restore(url: str, source: Path) -> None:
    """Restore a dump into an empty database. Raises BackupError."""
    if kind_of(url) == "sqlite":
        path = _path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file:
            copy_file(file, path)
        fsync_path(path.parent)
        return
    uri, environment = _libpq(url)
    _run("pg_restore", ["--no-owner", "--exit-on-error", "--single-transaction", "-d", uri, str(source)], environment)


def find_problem(kind: str, path: Path) -> str | None:
    """Return what is wrong with the dump beyond its checksum, or None. A Postgres dump is not checked."""
    if kind != "sqlite":
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    return None if found == "ok" else f"{path.name}: {found}"


def _dump_sqlite(source: Path, target: Path) -> ReferencedFiles:
    with (
        contextlib.closing(sqlite3.connect(source, timeout=_TIMEOUT_SECONDS)) as source_db,
        contextlib.closing(sqlite3.connect(target)) as target_db,
    ):
        source_db.backup(target_db)  # all pages in one read transaction, which does not block writers
        target_db.execute("PRAGMA journal_mode=DELETE")
    fsync_path(target)
    engine = create_engine(f"sqlite:///{target}", poolclass=NullPool)
    with engine.connect() as connection:
        return referenced_files(connection)


def _dump_postgres(url: str, target: Path) -> ReferencedFiles:
    uri, environment = _libpq(url)
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
        arguments = [
            "--format=custom",
            "--no-owner",
            f"--snapshot={snapshot}",
            f"--file={target}",
            *_LEFT_OUT,
            "-d",
            uri,
        ]
        _run("pg_dump", arguments, environment)
        fsync_path(target)
        return referenced_files(connection)


def _run(program: str, arguments: list[str], environment: dict[str, str]) -> None:
    path = shutil.which(program)
    if path is None:
        raise BackupError(
            f"{program} is not on PATH. Install the client programs of Postgres (package postgresql-client, of the "
            "server's version or newer) and run this again."
        )
    done = subprocess.run(  # noqa: S603  # a program of the operator's own
        [path, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-2000:]}")


def _libpq(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL in libpq's form without the password, which other processes could read on the command line, and
    the environment variables with it."""
    parsed = make_url(url)
    environment = {} if parsed.password is None else {"PGPASSWORD": parsed.password}
    plain = parsed.set(drivername="postgresql")._replace(password=None)
    return plain.render_as_string(hide_password=False), environment


def _path(url: str) -> Path:
    return Path(make_url(url).database or "")
