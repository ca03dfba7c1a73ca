"""A server that is stopped while clients connect: what comes at the last moment is answered."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.client import GatewayClient
from tests.support.server import wait_until
from voxport.serving import GatewayServer
from voxport.web.protocol import server_config

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class RunningServer:
    def __init__(self, server: GatewayServer, thread: threading.Thread, port: int) -> None:
        self.server = server
        self.thread = thread
        self.port = port

    def connect(self) -> socket.socket:
        """Connect, and wait until the server knows of it."""
        before = len(self.server.server_state.connections)
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        connections = self.server.server_state.connections
        wait_until(lambda: len(connections) > before, seconds=10, what="the connection")
        return connection


@pytest.fixture
def running(customer: GatewayClient) -> Iterator[RunningServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = GatewayServer(
        server_config(customer.app, customer.gateway.settings, lifespan="off", timeout_graceful_shutdown=10),
        customer.app.state.event_hub,
        lambda: None,
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    wait_until(lambda: server.started, seconds=20, what="the server")
    yield RunningServer(server, thread, listener.getsockname()[1])
    server.should_exit = True
    thread.join(20)


def test_a_request_of_a_client_that_had_just_connected_is_answered(running: RunningServer) -> None:
    with running.connect() as connection:
        running.server.should_exit = True
        wait_until(lambda: not running.server.servers[0].is_serving(), seconds=10, what="the stop")
        time.sleep(0.2)
        connection.sendall(REQUEST)
        answer = _read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


def test_an_idle_connection_is_closed_at_once(running: RunningServer) -> None:
    with running.connect() as connection:
        connection.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        running.server.should_exit = True
        assert connection.recv(65_536) == b""
        assert time.monotonic() - began < 5


def _read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)
