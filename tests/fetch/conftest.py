"""Servers that end with the test."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.support.http_server import Answer, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def start(answer: Answer, ssl_context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, ssl_context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
