"""Sends one request again and again over a number of connections, each as soon as its last one was answered.

    python -m benchmarks.speed.peers.caller < CALLS

Reads the calls as JSON from standard input and writes what it measured to standard output. It parses with httptools and
does nothing else, so that it takes little of the processor that it shares with the servers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import httptools
import uvloop


@dataclass(frozen=True)
class Calls:
    """POST `body` to `path` at 127.0.0.1, the connections spread over the ports. `min_bytes` is the least that an
    answer must have."""

    ports: list[int]
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    concurrency: int
    seconds: float
    min_bytes: int


@dataclass
class Measured:
    """Seconds of each answered call, how long all took, and the answers that were not 200 or too short."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failures: dict[str, int] = field(default_factory=dict)


class _Connection(asyncio.Protocol):
    def __init__(self, calls: Calls, request: bytes, deadline: float, into: Measured) -> None:
        self._calls, self._request, self._deadline, self._into = calls, request, deadline, into
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self._fail("connection lost")
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if not self._size:
            self._first = time.perf_counter()
        self._size += len(body)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._parser.get_status_code() != 200:
            self._fail(str(self._parser.get_status_code()))
        elif self._size < self._calls.min_bytes:
            self._fail(f"{self._size} bytes")
        else:
            self._into.latencies.append(now - self._began)
            self._into.first_bytes.append(self._first - self._began)
        if now > self._deadline:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self._send()

    def _send(self) -> None:
        self._parser, self._size, self._began = httptools.HttpResponseParser(self), 0, time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, reason: str) -> None:
        self._into.failures[reason] = self._into.failures.get(reason, 0) + 1


async def measure(calls: Calls) -> Measured:
    body = json.dumps(calls.body).encode()
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **calls.headers}.items())
    request = f"POST {calls.path} HTTP/1.1\r\n{lines}\r\n".encode() + body
    loop, measured, began = asyncio.get_running_loop(), Measured(), time.perf_counter()
    opened = [
        await loop.create_connection(
            lambda: _Connection(calls, request, began + calls.seconds, measured),
            "127.0.0.1",
            calls.ports[number % len(calls.ports)],
        )
        for number in range(calls.concurrency)
    ]
    await asyncio.gather(*(connection.ended for _, connection in opened))
    measured.seconds = time.perf_counter() - began
    return measured


def main() -> None:
    calls = Calls(**json.load(sys.stdin))
    json.dump(asdict(uvloop.run(measure(calls))), sys.stdout)


if __name__ == "__main__":
    main()
