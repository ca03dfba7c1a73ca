"""Implements the network backend of the safe fetch: resolves a name once, refuses addresses that are not public,
connects to the checked address, and applies one deadline to every read and write."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

from voxport.fetch.addresses import is_public
from voxport.fetch.policy import FetchPolicy, RefusedError

_POLL_SECONDS = 1.0  # interval of the cancellation check while waiting


class Deadline:
    """Deadline of a whole fetch. `check_cancelled` may end the fetch earlier by raising."""

    def __init__(self, seconds: float, check_cancelled: Callable[[], None] = lambda: None) -> None:
        self._end = time.monotonic() + seconds
        self._check_cancelled = check_cancelled

    def sleep(self, seconds: float) -> None:
        """Waits. Raises RefusedError when the deadline passes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS, self.remaining()))

    def remaining(self) -> float:
        """Returns the seconds left, above 0. Raises RefusedError after the deadline."""
        self._check_cancelled()
        left = self._end - time.monotonic()
        if left <= 0:
            raise RefusedError("it took too long")
        return left


class PinnedNetworkBackend(httpcore2.NetworkBackend):
    """Connects to public addresses, and to private addresses of the hosts that the policy lists.

    It connects to the address that was checked, which defeats DNS rebinding. Host header, server name and
    certificate stay those of the URL, because the HTTP layer above never sees the address. The HTTP layer's
    timeouts are ignored in favour of the deadline.
    """

    def __init__(self, policy: FetchPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._policy.resolver(host, port)
        # Refuse if any address is private: which one would be connected to is chance.
        if not self._policy.may_be_private(host, port) and not all(map(is_public, addresses)):
            raise RefusedError("the name has an address that is not public")
        return self._dial_first(addresses, port)

    def _dial_first(self, addresses: list[str], port: int) -> httpcore2.NetworkStream:
        failure = OSError("the name has no address")
        for index, address in enumerate(addresses):
            # Give each address an equal share of the time, so that an unresponsive one leaves time for the next.
            timeout = self._deadline.remaining() / (len(addresses) - index)
            try:
                return _DeadlineStream(self._policy.dialer(address, port, timeout), self._deadline)
            except OSError as exc:
                failure = exc
        raise failure


class _DeadlineStream(httpcore2.NetworkStream):
    """Limits each operation of a socket to the time left until the deadline and ignores requested timeouts."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            self._socket.settimeout(min(_POLL_SECONDS, self._deadline.remaining()))
            try:
                return self._socket.recv(max_bytes)
            except TimeoutError:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Python applies this timeout to the whole call of sendall and of the handshake below.
        self._socket.settimeout(self._deadline.remaining())
        try:
            self._socket.sendall(buffer)
        except (BrokenPipeError, ConnectionResetError) as exc:
            # A server may answer and close before it has read the whole body; on WriteError, the HTTP layer reads the
            # answer.
            raise httpcore2.WriteError(str(exc)) from exc

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        self._socket.settimeout(self._deadline.remaining())
        try:
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None
