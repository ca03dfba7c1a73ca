"""A network whose reads end by a moment, however little a server sends at once: the time-out of the HTTP layer above
begins anew with each byte of a head, or of the line before a chunk."""

from __future__ import annotations

import contextlib
import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import httpcore2
import httpx2


class _Moments(threading.local):
    until = math.inf  # on the monotonic clock


_moments = _Moments()


@contextlib.contextmanager
def reads_within(seconds: float) -> Iterator[None]:
    """No read of this thread, over a transport of `bounded_transport`, ends later than in so many seconds."""
    before, _moments.until = _moments.until, time.monotonic() + seconds
    try:
        yield
    finally:
        _moments.until = before


def bounded_transport(limits: httpx2.Limits) -> httpx2.HTTPTransport:
    """The transport of a client, without proxies."""
    transport = httpx2.HTTPTransport(verify=_trusted(), limits=limits, trust_env=False)
    transport._pool._network_backend = _Backend()
    return transport


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed. To read the machine's list takes 20 ms and more, for each client anew."""
    return httpx2.create_ssl_context(trust_env=False)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._plain.connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, plain: httpcore2.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _moments.until - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the answer takes too long")
        return self._plain.read(max_bytes, min(timeout or math.inf, left) if left < math.inf else timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, timeout)

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)
