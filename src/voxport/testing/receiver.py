"""A webhook receiver on a free port of 127.0.0.1. It sends scripted responses, valid or broken, and records
requests."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from standardwebhooks import Webhook

Answer = Callable[[socket.socket], None]


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request. Header names are in lower case; `at` is monotonic time."""

    line: str
    headers: dict[str, str]
    body: bytes
    at: float

    def verify(self, secret: str) -> dict[str, object]:
        """Verify the signature with the official library and return the payload. Raises WebhookVerificationError."""
        payload: dict[str, object] = Webhook(secret).verify(self.body, self.headers)
        return payload


def respond_with(status: int, *headers: str, body: bytes = b"thank you") -> Answer:
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def stay_silent(seconds: float) -> Answer:
    return lambda _: time.sleep(seconds)


def reset_connection(connection: socket.socket) -> None:
    """Make the connection close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class WebhookReceiver:
    """Sends the scripted responses in order, one per request, and the last one to all later requests. While not
    `listening`, it refuses connections."""

    def __init__(self, *answers: Answer, listening: bool = True) -> None:
        self.received: list[ReceivedRequest] = []
        self._answers = list(answers) or [respond_with(200)]
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        if listening:
            self.listen()

    def __enter__(self) -> WebhookReceiver:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in `accept`
        self._listener.close()

    @property
    def host(self) -> str:
        """The host in the notation of `VOXPORT_PRIVATE_HOSTS`."""
        return f"127.0.0.1:{self.port}"

    def listen(self) -> None:
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def wait(self, count: int, seconds: float = 20.0) -> list[ReceivedRequest]:
        """Wait for `count` requests and return them. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while len(self.received) < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self.received)} of {count} came")
            time.sleep(0.02)
        return list(self.received)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            request = _read(connection)
            with self._lock:
                self.received.append(request)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            answer(connection)


def _read(connection: socket.socket) -> ReceivedRequest:
    at, data = time.monotonic(), b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += _receive(connection)
    return ReceivedRequest(line, headers, body, at)


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionResetError("the sender has gone")
    return data
