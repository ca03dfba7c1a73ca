"""Fixtures of gateways: in this process without an engine, or whole as a user runs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastapi.dependencies.models
import pytest
from sqlalchemy import make_url

from tests.plan import ONE_BACKEND, pytest_configure, pytest_xdist_make_scheduler, sort_by_group
from tests.support import backend as backends
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.database_use import is_for_sqlite, refuse_hidden_use, uses_database
from tests.support.engine import engine, phonemizer, process, recording
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.support.ffmpeg import ffmpeg
from tests.support.postgres import Postgres, running_postgres
from tests.support.s3 import S3Server, running_s3
from voxport.gateway import Gateway, open_gateway
from voxport.testing.running_gateway import LiveGateway, running_gateway

__all__ = [
    "engine",
    "ffmpeg",
    "phonemizer",
    "process",
    "pytest_configure",
    "pytest_xdist_make_scheduler",
    "recording",
]

MakeGateway = Callable[..., Gateway]
SEAMS = {"providers", "samples", "fetch_policy", "clock"}
MakeClient = Callable[..., GatewayClient]
SKIPPED_ON = {
    "postgres": ("sqlite_only",),
    "postgres-s3": ("sqlite_only", "folder_only"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("voxport").addoption(
        "--backend",
        choices=backends.NAMES,
        default=os.environ.get("TEST_BACKEND", "sqlite"),
        help="what the gateways store their data in; with postgres, only the tests that use a database are run",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs the two long groups first. On Postgres, leaves out the tests that use no database, the cases on SQLite of
    those that run on both, and those of ONE_BACKEND."""
    sort_by_group(items)
    backend = config.getoption("--backend")
    if backend == "sqlite":
        return
    kept = [
        item
        for item in items
        if uses_database(item) and not is_for_sqlite(item) and not item.nodeid.startswith(ONE_BACKEND)
    ]
    known = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in known])
    items[:] = kept
    for item in items:
        for name in SKIPPED_ON[backend]:
            if (mark := item.get_closest_marker(name)) is not None:
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture(scope="session", autouse=True)
def backend(request: pytest.FixtureRequest) -> None:
    name = request.config.getoption("--backend")
    if name != "sqlite":
        backends.use_postgres(request.getfixturevalue("postgres_template_url"))
    if name == "postgres-s3":
        backends.use_s3(request.getfixturevalue("s3"))


@pytest.fixture(autouse=True)
def only_known_databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_hidden_use(monkeypatch, request.node)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file that a gateway creates at its first start. Copying it takes a fifth of the time of creating it,
    and a thousand tests need one."""
    folder = tmp_path_factory.mktemp("new")
    open_gateway(settings_for(folder, database_url=f"sqlite:///{folder / 'voxport.db'}")).close()
    return folder / "voxport.db"


@pytest.fixture
def make_gateway(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeGateway]:
    """Opens gateways with these settings or options of `open_gateway`, each in a new folder unless `data_dir` is given.
    They are closed after the test."""
    opened: list[Gateway] = []
    new_sqlite = request.getfixturevalue("new_database") if not backends.is_on_postgres() else None

    def make(**options: Any) -> Gateway:
        seams = {name: options.pop(name) for name in SEAMS & options.keys()}
        data_dir = options.pop("data_dir", tmp_path / f"data-{len(opened)}")
        if "database_url" not in options:
            backends.create_database(data_dir, new_sqlite)
        opened.append(open_gateway(settings_for(data_dir, **options), **seams))
        return opened[-1]

    yield make
    for gateway in opened:
        gateway.close()
        backends.drop_database(gateway.settings.data_dir)
    if opened:
        forget_apps()


def forget_apps() -> None:
    """Clears FastAPI's caches. They hold thousands of endpoint functions and through them the apps of closed gateways,
    which the garbage collector scans again and again."""
    for cached in vars(fastapi.dependencies.models).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.fixture
def make_client(make_gateway: MakeGateway) -> MakeClient:
    """Creates a customer of a new gateway with these settings. The engine is not started."""

    def make(credits: str = "100", **settings: Any) -> GatewayClient:
        return open_client(make_gateway(**settings), credits)

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(scope="session")
def shared_on_s3(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    """The first customer of a gateway on S3 that many tests share."""
    opened = open_gateway(settings_for(tmp_path_factory.mktemp("shared-s3"), **s3.new_storage()))
    yield open_client(opened)
    opened.close()


@pytest.fixture
def on_s3(shared_on_s3: GatewayClient) -> GatewayClient:
    """A new customer of the shared gateway on S3."""
    return shared_on_s3.another_customer()


@pytest.fixture(scope="session")
def postgres_template_url(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database as a gateway's first start creates it, to be copied. Nothing may stay connected to it."""
    url = postgres.new_database()
    open_gateway(settings_for(tmp_path_factory.mktemp("template"), database_url=url)).close()
    return url


@pytest.fixture(scope="session")
def postgres_template(postgres_template_url: str) -> str:
    """The name of that database."""
    return str(make_url(postgres_template_url).database)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database, once on SQLite and once on Postgres, as a gateway's first start creates it."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('new_database'), tmp_path / 'test.db')}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database(request.getfixturevalue("postgres_template"))


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture(scope="session")
def shared_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    """The first customer of a gateway on Postgres that many tests share."""
    folder = tmp_path_factory.mktemp("shared-postgres")
    opened = open_gateway(settings_for(folder, database_url=postgres.new_database()))
    yield open_client(opened)
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest) -> GatewayClient:
    """A new customer of a shared gateway, once on SQLite and once on Postgres."""
    first: GatewayClient = request.getfixturevalue("shared" if request.param == "sqlite" else "shared_postgres")
    return first.another_customer()


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    return make_gateway()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    """The first customer of a gateway that many tests share."""
    opened = open_gateway(settings_for(tmp_path_factory.mktemp("shared")))
    yield open_client(opened)
    opened.close()


@pytest.fixture
def client(shared: GatewayClient) -> GatewayClient:
    """A new customer of the shared gateway. A test that damages its gateway uses `make_client`."""
    return shared.another_customer()


@pytest.fixture
def fake_provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def fake_env(make_gateway: MakeGateway, fake_provider: FakeProvider) -> FakeProviderEnv:
    """A gateway whose provider returns a tone, and whose sample check accepts everything."""
    return with_fake_provider(make_gateway, fake_provider)


@pytest.fixture
def customer(fake_env: FakeProviderEnv) -> GatewayClient:
    """A customer of the gateway with the fake provider."""
    return open_client(fake_env.gateway)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """The whole gateway with worker and engine, started as a user does; for slow tests. Its clones resemble the speaker
    less than with the shipped settings."""
    with running_gateway(tmp_path_factory.mktemp("live"), VOXPORT_FIT_STEPS="2") as running:
        yield running
