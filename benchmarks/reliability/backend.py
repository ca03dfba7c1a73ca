"""Where the benchmarks of this folder keep the data of their gateways: in SQLite and a folder, or by
`--backend postgres-s3 --http-processes 4` in a Postgres and an S3 storage that they start, with several HTTP processes.

A data folder determines its database and its part of the storage, as in the tests (`tests/support/backend.py`)."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.support import backend as tests_backend
from tests.support.postgres import Postgres, running_postgres
from tests.support.s3 import S3Server, running_s3
from voxport.settings import Settings
from voxport.storage.config import open_storage
from voxport.testing import running_gateway
from voxport.testing.running_gateway import placed_data

SQLITE: Final = "sqlite"
POSTGRES_S3: Final = "postgres-s3"


class Servers:
    """The running Postgres and S3 storage."""

    def __init__(self, postgres: Postgres, s3: S3Server) -> None:
        self.postgres = postgres
        self.s3 = s3


_running: Servers | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", choices=(SQLITE, POSTGRES_S3), default=SQLITE)
    parser.add_argument("--http-processes", type=int, default=1, help="HTTP processes of a gateway")


def in_words(options: argparse.Namespace) -> str:
    """Return the options as they were given, for the command of a report."""
    chosen = "" if options.backend == SQLITE else f" --backend {options.backend}"
    return chosen + ("" if options.http_processes == 1 else f" --http-processes {options.http_processes}")


def report_name(name: str, options: argparse.Namespace) -> str:
    """Return the name under which a result is stored: that on Postgres and S3 stands beside the other."""
    return name if options.backend == SQLITE else f"{name}_{options.backend.replace('-', '_')}"


@contextlib.contextmanager
def placed(name: str) -> Iterator[None]:
    """Place the data of all gateways that this process starts during the block."""
    global _running
    if name == SQLITE:
        yield
        return
    began = time.monotonic()
    before = running_gateway.more_settings, os.environ.get(tests_backend.SERVER)
    with running_postgres(is_synchronous=True) as postgres, running_s3() as s3:
        _running = Servers(postgres, s3)
        tests_backend.use_postgres(postgres.url("template1"))
        running_gateway.more_settings = _settings
        try:
            yield
        finally:
            running_gateway.more_settings, _running = before[0], None
            os.environ.pop(tests_backend.SERVER)
            if before[1] is not None:  # a test run on Postgres
                os.environ[tests_backend.SERVER] = before[1]
            print(f"{time.monotonic() - began:.0f} s on {name}", flush=True)


def is_on_servers() -> bool:
    return _running is not None


def stored_files(data_dir: Path, default: Path | None = None) -> Path:
    """Return the folder in which the stored files of a gateway can be looked at; `default` if they are in none of a
    server's."""
    if _running is None:
        return default if default is not None else data_dir / "files"
    return _running.s3.folder / placed_data(data_dir)["VOXPORT_STORAGE_URL"].removeprefix("s3://")


class SavedData:
    """The data of a gateway at one moment, on the servers, to return to. No process may use it meanwhile."""

    def __init__(self, data_dir: Path, settings: Settings) -> None:
        self._data_dir = data_dir
        self._storage = open_storage(settings.storage)
        self._database = str(make_url(settings.resolved_database_url).database)
        self._copy_database(self._database, f"{self._database}_saved")
        self._files = {key: self._storage.read(key) for key in self._storage.list()}

    def restore(self) -> None:
        self._copy_database(f"{self._database}_saved", self._database)
        present = set(self._storage.list())
        for key in present - set(self._files):
            self._storage.delete(key)
        for key in set(self._files) - present:
            self._storage.put(key, self._files[key])

    def _copy_database(self, source: str, target: str) -> None:
        assert _running is not None
        url = make_url(_running.postgres.url("postgres")).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            names = {"source": sql.Identifier(source), "target": sql.Identifier(target)}
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [source]
            )
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
            connection.execute(sql.SQL("CREATE DATABASE {target} TEMPLATE {source}").format(**names))


@contextlib.contextmanager
def database_gone() -> Iterator[None]:
    """End the database as a crash does, and start it again after the block."""
    assert _running is not None
    _running.postgres.stop()
    try:
        yield
    finally:
        _running.postgres.start()


@contextlib.contextmanager
def storage_gone() -> Iterator[None]:
    """Let the storage take connections and answer none during the block."""
    assert _running is not None
    os.kill(_running.s3.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(_running.s3.pid, signal.SIGCONT)


def _settings(data_dir: Path) -> dict[str, str]:
    assert _running is not None
    storage = {f"VOXPORT_{name.upper()}": str(value) for name, value in _running.s3.storage_of(data_dir).items()}
    return {**tests_backend.environment(data_dir), **storage}
