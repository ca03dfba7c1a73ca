"""What the tests' gateways store their data in: SQLite and the data folder, or with `pytest --backend postgres`
databases of one Postgres, or with `--backend postgres-s3` also a bucket of one S3 server.

A data folder determines its database and its prefix in the bucket, so that a child process that gets the folder uses
the same ones. A child that is started by `tests.support.server.environment` or by `voxport.testing` finds the servers
by the variables in SERVERS.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from sqlalchemy import make_url

from tests.support.postgres import PROGRAMS
from tests.support.s3 import S3Server, storage_of
from voxport.testing import running_gateway

NAMES: Final = ("sqlite", "postgres", "postgres-s3")
SERVER: Final = "TEST_POSTGRES_URL"
"""The URL of the template database of this run's Postgres. Not set: the tests run on SQLite."""
S3_SERVER: Final = "TEST_S3_ENDPOINT_URL"
"""The address of this run's S3 server, whose keys and bucket are constants. Not set: files are in the data folder."""
S3_FOLDER: Final = "TEST_S3_FOLDER"
"""The folder of that server: a bucket is a folder in it, an object is a file."""
SERVERS: Final = (SERVER, S3_SERVER, S3_FOLDER)


def is_on_postgres() -> bool:
    return SERVER in os.environ


def settings(data_dir: Path, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings of a gateway in this folder that say where its data is. A database that is not there is created
    empty. A database or a storage that is `given`, or that a variable of this process names, is kept."""
    given = {} if given is None else given
    own: dict[str, Any] = {}
    if is_on_postgres() and not _is_named("database_url", given):
        own["database_url"] = _existing_url(data_dir)
    if S3_SERVER in os.environ and not _is_named("storage_url", given):
        own |= storage_of(os.environ[S3_SERVER], data_dir)
    return {**own, **given}


def environment(data_dir: Path) -> dict[str, str]:
    """`settings` as variables for a child process."""
    return {f"VOXPORT_{key.upper()}": str(value) for key, value in settings(data_dir).items()}


def environment_of_command(arguments: Sequence[str], cwd: Path) -> dict[str, str]:
    """`environment` for `voxport ARGUMENTS` in this folder, whose data folder is `data` unless they name another."""
    named = arguments[arguments.index("--data-dir") + 1] if "--data-dir" in arguments else "data"
    return environment(cwd / named)


def database_url(data_dir: Path) -> str:
    """The URL of the folder's database, which is created empty if it is not there."""
    return str(settings(data_dir).get("database_url", f"sqlite:///{data_dir / 'voxport.db'}"))


def create_database(data_dir: Path, new_sqlite: Path | None) -> None:
    """Creates the database of a new folder as a gateway's first start leaves it: a copy of a template, which takes a
    fraction of the time. A folder that exists keeps what it has."""
    if data_dir.exists():
        return
    data_dir.mkdir(mode=0o700)
    if is_on_postgres():
        _create(_database(data_dir), template=str(make_url(os.environ[SERVER]).database))
        _known.add(_database(data_dir))
    elif new_sqlite is not None:
        shutil.copy(new_sqlite, data_dir)


def drop_database(data_dir: Path) -> None:
    """Removes the folder's Postgres database: thousands would fill the memory that they are in."""
    if is_on_postgres():
        _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_database(data_dir))))


def use_postgres(template_url: str) -> None:
    """Lets this process and its children use the server of this template database."""
    os.environ[SERVER] = template_url
    os.environ["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"  # pg_dump has to be of the server's version
    running_gateway.more_settings = environment


def use_s3(server: S3Server) -> None:
    """Lets this process and its children store files on this S3 server."""
    os.environ[S3_SERVER] = server.endpoint
    os.environ[S3_FOLDER] = str(server.folder)


def folder_of_files(folder: Path) -> Path:
    """Returns where to look for the files that a gateway stores in this folder, which is `files` in its data folder or
    beside it: on S3 the server's folder of its objects."""
    if folder.name != "files" or S3_SERVER not in os.environ:
        return folder
    data_dir = folder.parent if folder.parent.name == "data" else folder.parent / "data"
    url: str = storage_of(os.environ[S3_SERVER], data_dir)["storage_url"]
    return Path(os.environ[S3_FOLDER]) / url.removeprefix("s3://")


def _is_named(setting: str, given: Mapping[str, Any]) -> bool:
    return setting in given or f"VOXPORT_{setting.upper()}" in os.environ


def _existing_url(data_dir: Path) -> str:
    database = _database(data_dir)
    if database not in _known:
        _create(database, template="template1")
        _known.add(database)
    return make_url(os.environ[SERVER]).set(database=database).render_as_string(hide_password=False)


_known: set[str] = set()
"""Databases that are there for certain, so that opening a folder again asks no server."""


def _database(data_dir: Path) -> str:
    return f"folder_{hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:24]}"


def _create(database: str, *, template: str) -> None:
    try:
        _execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):  # another process was first
        return


def _execute(statement: sql.Composed) -> None:
    url = make_url(os.environ[SERVER]).set(database="postgres", drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)
