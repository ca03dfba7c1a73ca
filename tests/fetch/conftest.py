"""Fixtures of the fetch tests: servers that are closed when the test ends."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.support.http_server import Answer, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Returns a function that starts servers; they are closed when the test ends."""
    servers: list[Server] = []

    def start(answer: Answer, ssl_context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, ssl_context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
