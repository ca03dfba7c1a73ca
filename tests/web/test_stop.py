"""A server that is stopped while clients connect: what comes at the last moment is answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import GatewayClient
from tests.support.server import wait_until
from voxport.errors import NotFound
from voxport.serving import GatewayServer
from voxport.studio.live_takes import LiveTakes
from voxport.tls.own_certificate import OwnCertificate
from voxport.tls.server import ServerTls
from voxport.web.protocol import StrictProtocol, server_config

DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
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

    def stop(self) -> float:
        """Stop the server, and return the seconds that it took."""
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()
        return time.monotonic() - began


@pytest.fixture
def running(customer: GatewayClient, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)  # a connection's too
    data_dir = customer.gateway.settings.data_dir
    tls = ServerTls(OwnCertificate(data_dir), "127.0.0.1") if getattr(request, "param", "") == "tls" else None
    more: dict[str, Any] = {} if tls is None else {"ssl_context_factory": lambda *_: tls.context}
    settings = customer.gateway.settings
    server = GatewayServer(
        server_config(customer.app, settings, lifespan="off", timeout_graceful_shutdown=30, **more),
        customer.app.state.streams,
        lambda: None,
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    wait_until(lambda: server.started, seconds=20, what="the server")
    yield RunningServer(server, thread, listener.getsockname()[1])
    server.should_exit = True
    thread.join(40)


def test_a_request_of_a_client_that_had_just_connected_is_answered(running: RunningServer) -> None:
    with running.connect() as connection:
        running.server.should_exit = True
        wait_until(lambda: not running.server.servers[0].is_serving(), seconds=10, what="the stop")
        time.sleep(0.2)
        connection.sendall(REQUEST)
        answer = _read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


CONNECT = """
import socket, sys, time
connected = []
try:
    while len(connected) < 2_000:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
        connected.append(connection)
        connection.sendall(sys.argv[2].encode())
        print(".", flush=True)
        time.sleep(0.002)
except ConnectionRefusedError:
    pass
for connection in connected:
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionResetError:
        answer = b"reset"
    print(answer[:12].decode(), flush=True)
"""


def test_clients_that_connect_while_a_busy_server_stops_are_answered(running: RunningServer) -> None:
    loop = running.server.servers[0].get_loop()

    def be_busy(turns: int = 200) -> None:
        time.sleep(0.02)
        if turns and not loop.is_closed():
            loop.call_soon(be_busy, turns - 1)

    loop.call_soon_threadsafe(be_busy)
    command = [sys.executable, "-c", CONNECT, str(running.port), REQUEST.decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdout is not None
        for _ in range(20):
            assert clients.stdout.readline() == ".\n"
        running.server.should_exit = True
        lines = clients.stdout.read().split("\n")
    answers = [line for line in lines if line not in ("", ".")]
    assert 20 <= len(answers) < 2_000
    assert set(answers) <= {"HTTP/1.1 200", "reset"}
    assert answers.count("reset") <= 1, (
        "one may come in the microseconds between the last look and the end of listening"
    )


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


def test_a_take_that_is_listened_to_holds_up_no_stop(customer: GatewayClient, running: RunningServer) -> None:
    takes = customer.app.state.services[LiveTakes]
    tickets = [takes.open("prof_1") for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for ticket in tickets:
            connection = stack.enter_context(running.connect())
            connection.sendall(f"GET /studio/live/{ticket} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        takes.open("prof_1")  # the first is dropped, and still listened to
        assert running.stop() < 15
    with pytest.raises(NotFound):
        takes.find(tickets[1])
    assert takes.claim("prof_1", tickets[1]) is None


@pytest.mark.parametrize("running", ["tls"], indirect=True)
def test_a_client_that_does_not_answer_the_end_of_tls_holds_up_no_stop(running: RunningServer) -> None:
    context = ssl._create_unverified_context()
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
        connection = stack.enter_context(context.wrap_socket(plain))
        connection.sendall(REQUEST)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert running.stop() < 15


def test_a_client_that_does_not_read_its_answers_holds_up_no_stop(running: RunningServer) -> None:
    with _slow_socket(running) as connection:
        connection.sendall(DOCUMENT * 8)
        wait_until(lambda: _is_busy(running), seconds=20, what="the requests")
        assert running.stop() < 15


def test_a_client_that_stops_in_its_body_holds_up_no_stop(customer: GatewayClient, running: RunningServer) -> None:
    head = f"POST /v1/estimate HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {customer.key}\r\nContent-Length: 90\r\n\r\n{{"
    with running.connect() as connection:
        connection.sendall(head.encode())
        wait_until(lambda: _is_busy(running), seconds=20, what="the request")
        assert running.stop() < 15


def test_a_client_that_reads_slowly_gets_its_whole_answer_at_a_stop(
    customer: GatewayClient, running: RunningServer
) -> None:
    expected = customer.http.get("/openapi.json", headers={"Accept-Encoding": "identity"}).content
    with _slow_socket(running) as connection:
        connection.sendall(DOCUMENT)
        received = connection.recv(1000)
        running.server.should_exit = True
        while part := connection.recv(8_192):
            received += part
            time.sleep(5 * len(part) / len(expected))
    assert received.endswith(expected)


def _slow_socket(running: RunningServer) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", running.port))
    return connection


def _is_busy(running: RunningServer) -> bool:
    connections = list(running.server.server_state.connections)
    return any(isinstance(one, StrictProtocol) and not one._is_idle for one in connections)


def _read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)
