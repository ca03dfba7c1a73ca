"""Loopback servers that misbehave on demand, and fetches from them."""

from __future__ import annotations

import io
import socket
import ssl
import threading
from collections.abc import Callable

import pytest

from voxport.errors import AudioUrlUnusable
from voxport.fetch.client import FetchPolicy, FetchResult, fetch

Answer = Callable[[socket.socket, bytes], None]


Serve = Callable[..., "Server"]


class Server:
    """A TCP server on a free port of 127.0.0.1 that hands each connection and its request to `answer`."""

    def __init__(self, answer: Answer, ssl_context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._ssl = ssl_context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def dialer(self, address: str, port: int, timeout_seconds: float) -> socket.socket:
        """Connects to this server whatever the address, as a stand-in for the internet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout_seconds)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            if self._ssl is not None:
                connection = self._ssl.wrap_socket(connection, server_side=True)
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    received = connection.recv(65_536)
                    if not received:
                        return
                    request += received
                self.requests.append(request)
                self._answer(connection, request)
        except OSError:
            return  # the client hung up, as expected


PUBLIC = "93.184.216.34"  # any public address: the tests' dialer connects to loopback


def policy_for(
    server: Server,
    *,
    resolver: Callable[[str, int], list[str]] = lambda host, port: [PUBLIC],
    max_bytes: int = 1_000_000,
    timeout_seconds: float = 5.0,
    private_hosts: frozenset[str] = frozenset(),
    ssl_context: ssl.SSLContext | None = None,
) -> FetchPolicy:
    return FetchPolicy(
        max_bytes=max_bytes,
        timeout_seconds=timeout_seconds,
        private_hosts=private_hosts,
        resolver=resolver,
        dialer=server.dialer,
        ssl_context=ssl_context,
    )


def reply(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Answer:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return lambda connection, request: connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def redirect(location: str) -> Answer:
    return reply(b"", f"Location: {location}", status="302 Found")


def get(url: str, policy: FetchPolicy) -> tuple[FetchResult, bytes]:
    into = io.BytesIO()
    return fetch(url, into, policy), into.getvalue()


def refused(url: str, policy: FetchPolicy) -> None:
    """Asserts that the fetch fails with the message that reveals nothing about the target."""
    with pytest.raises(AudioUrlUnusable) as caught:
        get(url, policy)
    assert caught.value.message == AudioUrlUnusable.TEXT
    assert caught.value.details == {}
