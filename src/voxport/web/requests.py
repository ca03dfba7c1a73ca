"""The outermost HTTP layer: request ids, the request log, headers of every answer, and unexpected errors.

Written as plain ASGI, so that bodies stream through untouched.
"""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Any, Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxport.errors import Invalid, VoxportError
from voxport.ids import new_id
from voxport.logs import bind_request
from voxport.telemetry.tracing import NO_SPAN, Span, continue_trace, is_tracing, start_span
from voxport.transient_errors import as_unavailable
from voxport.web.headers import security_headers

REQUEST_ID_HEADER = "X-Gateway-Request-ID"
_UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are asked every few seconds."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TICKET: Final = re.compile(r"(?<=/studio/live/).+", re.DOTALL)
"""The part of a path that lets whoever knows it listen to a take."""
_log = logging.getLogger("voxport.http")


class RequestObserver(Protocol):
    def on_request_end(self, scope: Scope, status: int, seconds: float) -> None:
        """Called when a request has ended, with the status of its answer (0 if there was none) and its duration."""

    def on_first_audio(self, scope: Scope, provider: str, seconds: float) -> None:
        """Called before the first bytes of a stream of audio are sent, with its provider and the time since the
        request's head."""


class RequestMiddleware:
    """Gives each request an id (in its state, its log lines and its response), and logs and counts its outcome. The
    path is logged without the query, which may contain a signature, and without the ticket of a take."""

    def __init__(
        self, app: ASGIApp, *, observer: RequestObserver, sends_hsts: bool, trusts_traceparent: bool = False
    ) -> None:
        """With `sends_hsts`, browsers are told to come by https only, for a year. With `trusts_traceparent`, a
        request's `traceparent` header is continued by its trace."""
        self._trusts_traceparent = trusts_traceparent
        self._app = app
        self._observer = observer
        self._add_security_headers = security_headers(sends_hsts=sends_hsts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        bind_request(request_id)
        started = time.perf_counter()
        status = 0
        provider: str | None = None  # of a stream of audio whose first bytes are still to come

        async def send_with_id(message: Message) -> None:
            nonlocal status, provider
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                self._add_security_headers(headers)
                if (limit := scope["state"].get("rate_limit")) is not None:
                    for name, value in limit.headers().items():
                        headers.setdefault(name, value)
                provider = _streaming_provider(scope, headers)
            elif provider is not None and message.get("body"):
                self._observer.on_first_audio(scope, provider, time.perf_counter() - started)
                provider = None
            await send(message)

        span = self._start_span(scope)
        try:
            with continue_trace(span.traceparent):
                await self._app(scope, receive, send_with_id)
        except Exception as error:
            # Not in a handler of the framework: those answer outside of this middleware, without the id.
            unavailable = as_unavailable(error)
            if unavailable is None:
                _log.exception("unexpected error")
            else:  # every call meets it while it lasts
                reason = f"{type(error).__name__}: {error}".partition("\n")[0]
                _log.warning("the database or the storage failed", extra={"error": reason})
            if status:
                raise
            unexpected = VoxportError("Something went wrong in the gateway. Nothing was charged; please try again.")
            await send_error(unavailable or unexpected, scope, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            self._observer.on_request_end(scope, status, seconds)
            if span is not NO_SPAN:
                _end_span(span, scope, status)
            _log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": _TICKET.sub("{ticket}", scope["path"]),
                    "status": status,
                    "key": getattr(scope["state"].get("principal"), "key_id", None),
                    "ms": round(seconds * 1000, 1),
                },
            )

    def _start_span(self, scope: Scope) -> Span:
        if not is_tracing() or scope["path"] in _UNTRACED:
            return NO_SPAN
        sent = Headers(scope=scope).get("traceparent") if self._trusts_traceparent else None
        return start_span("HTTP", "server", parent=sent)


def _end_span(span: Span, scope: Scope, status: int) -> None:
    """End the span of a request. It is named by the template of the route: a path may hold names and signatures."""
    route = getattr(scope.get("route"), "path", None)
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    span.rename(method if route is None else f"{method} {route}")
    span.set("http.request.method", method)
    if route is not None:
        span.set("http.route", route)
    span.set("voxport.request_id", scope["state"]["request_id"])
    if status:
        span.set("http.response.status_code", status)
    if status >= 500:
        span.fail(str(status))
    elif not status:
        span.fail("disconnected")
    span.end()


def _streaming_provider(scope: Scope, headers: MutableHeaders) -> str | None:
    """Return the provider whose audio the response streams; None for every other response, also a stored one."""
    if scope["method"] != "POST" or not headers.get("content-type", "").startswith("audio/"):
        return None
    return None if "idempotent-replayed" in headers else headers.get("x-provider")


async def send_error(error: VoxportError, scope: Scope, send: Send) -> None:
    """Send an error without the framework, and close the connection, since the rest of the body is unread."""
    content = json.dumps(error_body(error, scope["state"]["request_id"])).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def error_body(error: VoxportError, request_id: str | None) -> dict[str, Any]:
    """Return the JSON body that all errors have (SPEC.md section 3)."""
    body: dict[str, Any] = {"status": "error", "error": error.as_body(request_id)}
    if isinstance(error, Invalid):
        body["detail"] = [
            {"type": "value_error", "loc": list(error.location), "msg": error.message, "input": None},
        ]
    return body
