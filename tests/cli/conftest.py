"""One gateway that all tests of the commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served, served_gateway
from tests.support.client import GatewayClient


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayClient, str]]:
    with served_gateway(tmp_path_factory.mktemp("commands")) as served:
        yield served


@pytest.fixture
def served(shared_server: tuple[GatewayClient, str], tmp_path: Path) -> Iterator[Served]:
    """A new customer of the shared gateway."""
    first, url = shared_server
    served = Served(first.another_customer(), url, tmp_path)
    yield served
    served.samples.is_real = False
    served.samples.warnings = ()


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """A file that the shared gateway takes for twelve seconds of speech."""
    path = tmp_path / "me.wav"
    path.write_bytes(b"RIFF and so on" * 100)
    return str(path)
