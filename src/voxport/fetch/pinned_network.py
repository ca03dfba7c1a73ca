"""The network under the safe fetch: looks a name up once, refuses what is not public, dials the number it
checked, and holds every read and write to one deadline."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

from voxport.fetch.addresses import is_public
from voxport.fetch.policy import FetchPolicy, RefusedError

_POLL_SECONDS = 1.0  # seconds after which a wait for the server looks whether it is still wanted


class Deadline:
    """One moment that a whole fetch has to end by. `check_cancelled` may end it before, by raising."""

    def __init__(self, seconds: float, check_cancelled: Callable[[], None] = lambda: None) -> None:
        self._end = time.monotonic() + seconds
        self._check_cancelled = check_cancelled

    def sleep(self, seconds: float) -> None:
        """Wait. Raises RefusedError where there is no time for it."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS, self.remaining()))

    def remaining(self) -> float:
        """Seconds that are left, above 0. Raises RefusedError when none are."""
        self._check_cancelled()
        left = self._end - time.monotonic()
        if left <= 0:
            raise RefusedError("it took too long")
        return left


class PinnedNetworkBackend(httpcore2.NetworkBackend):
    """Connects to public addresses, and to the private ones of hosts that the policy names.

    Since the address that was checked is the one that is dialled, a name that changes its mind in between
    (DNS rebinding) gains nothing. Host header, server name and certificate stay those of the URL: the HTTP
    layer above never learns the address. Its timeouts are ignored: the deadline rules.
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
        # One private answer among public ones is enough to refuse: which of them is dialled would be chance.
        if not self._policy.may_be_private(host, port) and not all(map(is_public, addresses)):
            raise RefusedError("the name has an address that is not public")
        return self._dial_first(addresses, port)

    def _dial_first(self, addresses: list[str], port: int) -> httpcore2.NetworkStream:
        failure = OSError("the name has no address")
        for index, address in enumerate(addresses):
            # An equal share for each address, so that one that never answers leaves time for the next.
            timeout = self._deadline.remaining() / (len(addresses) - index)
            try:
                return _DeadlineStream(self._policy.dialer(address, port, timeout), self._deadline)
            except OSError as exc:
                failure = exc
        raise failure


class _DeadlineStream(httpcore2.NetworkStream):
    """A socket whose every operation may take only what is left of the deadline, whatever was asked for."""

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
        # For sendall and for the handshake below, Python counts this timeout over the whole call.
        self._socket.settimeout(self._deadline.remaining())
        try:
            self._socket.sendall(buffer)
        except (BrokenPipeError, ConnectionResetError) as exc:
            # A server may answer before it has read a body to its end, and close: the HTTP layer looks for the answer.
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
