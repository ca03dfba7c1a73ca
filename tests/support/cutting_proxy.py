"""A TCP proxy before a gateway that cuts connections at a chosen moment."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from typing import Literal

Cut = Literal["before the request", "after the request", "before the answer", "in the answer"]
CUTS: tuple[Cut, ...] = ("before the request", "after the request", "before the answer", "in the answer")
"""`after the request`: the gateway goes on alone. `before the answer`: the proxy has the answer already."""
_SECONDS = 30


class CuttingProxy:
    """Relays one request per connection. The next connections are cut as `cuts` says, all others are not."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.gateway_port = 0
        self.cuts: deque[Cut] = deque()
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[CuttingProxy]:
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            thread.join(_SECONDS)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        client.settimeout(_SECONDS)
        cut = self.cuts.popleft() if self.cuts else None
        with contextlib.suppress(OSError), client:
            if cut == "before the request":
                _reset(client)
                return
            request = _receive_message(client)
            self.requests.append(request)
            with socket.create_connection(("127.0.0.1", self.gateway_port), _SECONDS) as gateway:
                gateway.sendall(request)
                if cut == "after the request":
                    _reset(client)
                    return
                first = gateway.recv(65_536)
                if cut == "before the answer":
                    _reset(client)
                    return
                if cut == "in the answer":
                    while (end := first.find(b"\r\n\r\n")) < 0 or len(first) < end + 40:
                        first += gateway.recv(65_536)
                    head = end + 4
                    client.sendall(first[: head + (len(first) - head) // 2])
                    _reset(client)
                    return
                client.sendall(first)
                while data := gateway.recv(65_536):
                    client.sendall(data)


def _receive_message(connection: socket.socket) -> bytes:
    """Receive a request, whose length its head says, and ask for an answer that ends with the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65_536)
        if not data:
            raise ConnectionResetError
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(found[1]) if found is not None else 0
    while len(body) < length:
        body += connection.recv(65_536)
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    return head + b"\r\nConnection: close\r\n\r\n" + body


def _reset(connection: socket.socket) -> None:
    """End a connection as a crash does: the peer gets a reset, and no end of the stream."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
