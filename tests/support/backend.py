"""What the tests' gateways store their data in: SQLite, or with `pytest --backend postgres` databases of one Postgres.

A data folder determines its database, so that a child process that gets the folder uses the same one. A child that is
started by `tests.support.server.environment` or by `voxport.testing` finds the server by the variable SERVER.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from sqlalchemy import make_url

from tests.support.postgres import PROGRAMS
from voxport.testing import running_gateway

NAMES: Final = ("sqlite", "postgres")
SERVER: Final = "TEST_POSTGRES_URL"
"""The URL of the template database of this run's Postgres. Not set: the tests run on SQLite."""


def name() -> str:
    return "postgres" if SERVER in os.environ else "sqlite"


def settings(data_dir: Path) -> dict[str, Any]:
    """The settings of a gateway in this folder that say where its data is. A database that is not there is created
    empty. A storage other than the folder is to be added here."""
    return {} if name() == "sqlite" else {"database_url": _existing_url(data_dir)}


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
    if name() == "postgres":
        _create(_database(data_dir), template=str(make_url(os.environ[SERVER]).database))
        _known.add(_database(data_dir))
    elif new_sqlite is not None:
        shutil.copy(new_sqlite, data_dir)


def drop_database(data_dir: Path) -> None:
    """Removes the folder's Postgres database: thousands would fill the memory that they are in."""
    if name() == "postgres":
        _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_database(data_dir))))


def use_postgres(template_url: str) -> None:
    """Lets this process and its children use the server of this template database."""
    os.environ[SERVER] = template_url
    os.environ["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"  # pg_dump has to be of the server's version
    running_gateway.more_settings = environment


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
