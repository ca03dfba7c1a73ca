"""Responses whose head or chunk line arrives in fragments: the total timeout ends them, although no read times out."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from voxport.providers import upstream as module
from voxport.providers.upstream import ResponseLost, Upstream

START = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "a head": (START + b"X-Long: ", b"a", b"\r\nContent-Length: 0\r\n\r\n"),
    "the line before a chunk": (START + b"Transfer-Encoding: chunked\r\n\r\n0;", b"a", b"\r\n\r\n"),
    "answers before the answer": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", START + b"Content-Length: 0\r\n\r\n"),
}


@contextlib.contextmanager
def dripping(first: bytes, drop: bytes, last: bytes) -> Iterator[str]:
    """A server that takes two minutes to respond."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(first)
                until = time.monotonic() + 120
                while time.monotonic() < until and not ended.wait(0.05):
                    connection.sendall(drop)
                connection.sendall(last)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()
        thread.join()


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_of_which_nothing_whole_comes_is_lost(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 0.2)
    monkeypatch.setattr(module, "_WRITE_SECONDS", 0.2)
    with dripping(*DRIPS[what]) as url:
        upstream = Upstream(url, {}, read_timeout=120.0)
        with pytest.raises(ResponseLost):
            upstream.send("POST", "/")
        upstream.close()
