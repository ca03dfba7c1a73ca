"""A network backend with a total deadline for reads, and one for what the server does not acknowledge.

The read timeout of the HTTP layer above restarts with each byte of the response head or of a chunk's size line, so a
slow server could hold a connection for ever. What a host that was cut off has sent stays in its kernel, and without a
deadline would reach the server when the network is back, long after another host has done the same work."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import httpcore2
import httpx2

UNACKNOWLEDGED_SECONDS: Final = 10
"""Less than the time until a job that was taken over calls the provider again: its lease expires after four seconds at
the earliest, and its clone is looked up for fifteen seconds before it is created."""


# On the monotonic clock. A context's, not a thread's: a response may be begun in one thread and read on in another.
_deadline: ContextVar[float] = ContextVar("voxport_read_deadline", default=math.inf)


@contextlib.contextmanager
def read_deadline(seconds: float) -> Iterator[None]:
    """Limit all reads of this context over a `bounded_pool` to end within `seconds` from now."""
    before = _deadline.get()
    _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.set(before)


def bounded_pool(*, max_connections: int, keepalive_seconds: float) -> httpcore2.ConnectionPool:
    """Return a pool of connections that respects `read_deadline` and uses no proxies."""
    return httpcore2.ConnectionPool(
        ssl_context=_trusted(),
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=keepalive_seconds,
        network_backend=_BoundedBackend(),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """The TLS context of all clients. Cached, because reading the machine's certificates takes 20 ms or more."""
    return httpx2.create_ssl_context(trust_env=False)


# Other systems than Linux have no such option.
_SOCKET_OPTIONS: Final = (
    [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_SECONDS * 1000)]
    if hasattr(socket, "TCP_USER_TIMEOUT")
    else []
)


class _BoundedBackend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        options = [*(socket_options or ()), *_SOCKET_OPTIONS]
        return _BoundedStream(self._inner.connect_tcp(host, port, timeout, local_address, options))


class _BoundedStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _deadline.get() - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the answer takes too long")
        return self._inner.read(max_bytes, min(timeout or math.inf, left) if left < math.inf else timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _BoundedStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
