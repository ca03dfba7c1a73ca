"""HTTP/1.1 protocol for untrusted clients: refuses ambiguous requests and disconnects slow clients.

Extends uvicorn's llhttp protocol, which has no timeouts for heads, bodies and slow readers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import socket
import struct
import sys
import termios
from dataclasses import dataclass
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from voxport.errors import BadRequest, RequestTimeout, UriTooLong, VoxportError
from voxport.ids import new_id
from voxport.settings import Settings
from voxport.web.request_limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URL_BYTES, headers_too_large
from voxport.web.requests import REQUEST_ID_HEADER, error_body

_MAX_PIPELINED = 8  # requests that wait on one connection while another one is answered
_FIRST_REQUEST_SECONDS = 1.0
_NEXT_REQUEST_SECONDS = 0.05
"""How long an idle connection stays open when the server stops. A client that has just connected is about to send its
request; one that has had an answer may send the next one any time, so that only what has already come is waited for."""
_STALLED_SECONDS = 3
"""How long a client that reads nothing, or sends nothing of its body, keeps a server from stopping."""
_CLOSED_SECONDS = 1
"""The same for one that does not answer the end of its TLS connection."""
_LINGER_SECONDS = 30.0
_LINGER_QUIET_SECONDS = 5.0
"""A client that is still sending when it is refused may go on for so long in all, and be quiet for so long, before its
connection is closed (both as in nginx). Closed at once, the kernel resets it, and the client loses the answer."""
_log = logging.getLogger("voxport.http")


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds: `head` for a whole head, `body` for a whole body, `reader` for a client that does not read. A
    body must arrive with at least `min_rate` bytes a second, measured over each `window`."""

    head: float = 15.0
    window: float = 15.0
    min_rate: int = 1_024
    body: float = 6 * 3600.0
    reader: float = 300.0

    @property
    def check_interval(self) -> float:
        """Seconds between two checks of a connection."""
        return min(5.0, self.head / 3, self.window / 3, self.reader / 3)


def server_config(app: ASGIApp, settings: Settings, *, timeouts: Timeouts | None = None, **more: Any) -> uvicorn.Config:
    """Return the uvicorn configuration that `voxport serve` and the tests use."""
    timeouts = timeouts or Timeouts(
        head=settings.headers_timeout, body=settings.upload_timeout, reader=settings.reader_timeout
    )
    return uvicorn.Config(
        app,
        http=type("Protocol", (StrictProtocol,), {"timeouts": timeouts}),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Unless the operator named a proxy, clients could forge X-Forwarded-For.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=30,
        **more,
    )


def _close_delimited(cycle: RequestResponseCycle, app: ASGIApp) -> Any:
    """Wrap the application for a client of HTTP/1.0, which can't read chunks: closing the connection ends a body of
    unknown length, and resetting it marks an incomplete body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_open = False

        async def send_plain(message: Message) -> None:
            nonlocal is_open
            if message["type"] == "http.response.start":
                is_open = all(name.lower() != b"content-length" for name, _ in message.get("headers", []))
                if is_open and scope["method"] != "HEAD":
                    cycle.chunked_encoding = False
            elif is_open:
                # uvicorn compares the length of a body without chunks with the announced one.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, send_plain)
        finally:
            if is_open and cycle.response_started and not cycle.response_complete:
                _reset(cycle.transport)

    return answer


def _reset(transport: asyncio.Transport) -> None:
    """Reset the connection, so that the client sees an error and not the end of the body."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes the client has still to take. The kernel's are counted too, since they move with a client
    that reads slowly, and since those between TLS and the socket can't be seen."""
    waiting = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):  # it is closed, or the system counts none
        waiting += int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return waiting


class StrictProtocol(HttpToolsProtocol):
    timeouts: ClassVar[Timeouts] = Timeouts()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._phase = "head"
        self._phase_started = self._window_since = self.loop.time()
        self._head_bytes = self._window_bytes = 0
        self._stalled_since: float | None = None
        self._parse_error: VoxportError | None = None
        self._active_cycle: RequestResponseCycle | None = None
        self._is_ending = self._must_close = False
        self._linger_timer: asyncio.TimerHandle | None = None
        self._timer = self.loop.call_later(self.timeouts.check_interval, self._check_timeouts)
        self._stop_timer: asyncio.TimerHandle | None = None
        self._received_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        if self._stop_timer is not None:
            self._stop_timer.cancel()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        if self._active_cycle is not None and not self._active_cycle.response_complete:
            # uvicorn notifies only the newest request, which may still be waiting for this one.
            self._active_cycle.disconnected = True
            self._active_cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._linger_timer is not None:
            return  # the rest of a request that has been refused
        if self._phase == "between" and self._is_idle:
            self._start_head()
        super().data_received(data)
        if self._phase == "head" and not self.transport.is_closing():
            # Nothing else limits a header that does not end.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES + MAX_URL_BYTES:
                self._refuse(headers_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._phase != "head":
            self._start_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._reject(UriTooLong(f"The address is longer than {MAX_URL_BYTES:,} bytes."))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS or sum(len(one) + len(two) for one, two in self.headers) > MAX_HEADER_BYTES:
            self._reject(headers_too_large())

    def on_headers_complete(self) -> None:
        self._check_head()
        self._phase = "body"
        self._phase_started = self._window_since = self.loop.time()
        self._window_bytes = 0
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False
        if len(self.pipeline) > _MAX_PIPELINED:
            # One read can contain ten thousand small requests, and each would occupy kilobytes while it waits.
            self._reject(BadRequest(f"At most {_MAX_PIPELINED} requests wait on a connection."))
        if self.parser.should_upgrade():
            # HTTP allows ignoring the upgrade, but the bytes that follow on the connection would be ambiguous.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._window_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase, self._head_bytes = "between", 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._active_cycle is not None and self._active_cycle.more_body and self._must_close:
            self._close_after_input()

    def shutdown(self) -> None:
        self._is_ending = True
        self._cut_if_stalled(None, 0)
        if not self._is_idle:
            super().shutdown()
            return
        seconds = _FIRST_REQUEST_SECONDS if self.cycle is None else _NEXT_REQUEST_SECONDS
        self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._is_idle:
            self.transport.close()

    def _cut_if_stalled(self, last: tuple[int, int] | None, seconds: int) -> None:
        """Called each second while the server stops: cut a client that holds it up and has not moved for a while."""
        unsent = _unsent_bytes(self.transport)
        state = (unsent, self._received_bytes)
        seconds = seconds + 1 if state == last else 0
        is_sending = self._phase == "body" and not self.flow.read_paused and not self.pipeline
        if self.transport.is_closing() and not unsent:
            is_stalled = seconds >= _CLOSED_SECONDS
        else:
            is_stalled = (bool(unsent) or is_sending) and seconds >= _STALLED_SECONDS
        if is_stalled:
            _log.info("a client that holds up the stop is cut")
            self.transport.abort()
        else:
            self._stop_timer = self.loop.call_later(1, self._cut_if_stalled, state, seconds)

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._parse_error or BadRequest("The request is not HTTP/1.1 that can be read in one way only."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active_cycle = cycle
        if cycle.scope["http_version"] == "1.0":
            app = _close_delimited(cycle, app)
        super()._start_asgi_task(cycle, self._answering_early(cycle, app))

    def _answering_early(self, cycle: RequestResponseCycle, app: ASGIApp) -> Any:
        """Wrap the application so that an answer that comes before the end of the request's body does not close the
        connection at once, which uvicorn does."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_and_linger(message: Message) -> None:
                is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
                if is_last and cycle.more_body and not cycle.keep_alive:
                    self._must_close = cycle.keep_alive = True
                await send(message)

            await app(scope, receive, send_and_linger)

        return answer

    def _close_after_input(self) -> None:
        """Close the connection once the client has stopped sending. What it still sends is dropped."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._phase = "lingering"
        self._close_when_quiet(self.loop.time() + _LINGER_SECONDS)

    def _close_when_quiet(self, deadline: float, last: int | None = None) -> None:
        received = self._received_bytes
        if received == last or self.loop.time() > deadline:
            self.transport.close()
        else:
            seconds = _LINGER_QUIET_SECONDS
            self._linger_timer = self.loop.call_later(seconds, self._close_when_quiet, deadline, received)

    def _check_head(self) -> None:
        """Reject heads that llhttp accepts but that a proxy in front may read differently."""
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if version not in ("1.0", "1.1"):
            self._reject(BadRequest("The gateway speaks HTTP/1.1."))
        if names.count(b"host") > 1 or (version == "1.1" and b"host" not in names):
            self._reject(BadRequest("A request has one Host header."))
        if codings and (version == "1.0" or [coding.strip().lower() for coding in codings] != [b"chunked"]):
            self._reject(BadRequest("The only Transfer-Encoding is chunked, in HTTP/1.1."))

    def _reject(self, parse_error: VoxportError) -> None:
        """Raise the error in a parser callback: uvicorn then calls `send_400_response`, which sends it."""
        self._parse_error = parse_error
        raise parse_error

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head(self) -> None:
        self._phase, self._phase_started, self._head_bytes = "head", self.loop.time(), 0

    def _check_timeouts(self) -> None:
        self._timer = self.loop.call_later(self.timeouts.check_interval, self._check_timeouts)
        self._check_reader()
        if self.transport.is_closing():
            return
        now, timeouts = self.loop.time(), self.timeouts
        if self._phase == "head" and self._is_idle and now - self._phase_started > timeouts.head:
            self._refuse(RequestTimeout(f"The head of the request did not come within {timeouts.head:g} s."))
        elif self._phase == "body":
            self._check_body(now)

    def _check_body(self, now: float) -> None:
        if now - self._phase_started > self.timeouts.body:
            self._refuse(RequestTimeout(f"The body did not come within {self.timeouts.body:g} s."))
        elif self.flow.read_paused:  # the gateway is slow, not the client
            self._window_since, self._window_bytes = now, 0
        elif now - self._window_since > self.timeouts.window:
            if self.cycle.response_complete or self._window_bytes < self.timeouts.min_rate * self.timeouts.window:
                min_speed = f"{self.timeouts.min_rate:,} bytes a second"
                self._refuse(RequestTimeout(f"The body comes too slowly: it has to be {min_speed}. Send it again."))
            self._window_since, self._window_bytes = now, 0

    def _check_reader(self) -> None:
        """Disconnect a client that takes longer than `reader` to read the 48 KiB between the transport's high and low
        water marks."""
        now = self.loop.time()
        if not self.transport.get_write_buffer_size():
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since > self.timeouts.reader:
            _log.info("a client that does not read its answer is cut")
            self.transport.abort()

    def _refuse(self, error: VoxportError) -> None:
        """Send the error, unless an answer has begun, and close the connection."""
        request_id = new_id("req")
        _log.info("a client is cut", extra={"code": error.code, "status": error.status, "id": request_id})
        has_begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        has_begun |= bool(self.pipeline)  # another request is being answered
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if has_begun:
            self.transport.abort()
            return
        content = json.dumps(error_body(error, request_id)).encode()
        headers = {
            REQUEST_ID_HEADER: request_id,
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[error.status] + lines.encode() + b"\r\n" + content)
        if isinstance(error, RequestTimeout):
            self.transport.close()
        else:
            self._close_after_input()
