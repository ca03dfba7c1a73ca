"""The outermost layer of HTTP: request ids, the size of JSON bodies, the log of requests, security headers.

Plain ASGI, so that bodies are streamed through untouched.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Protocol

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxport.errors import NotFound, TooLarge, VoxportError
from voxport.ids import new_id
from voxport.logs import bind_request
from voxport.trouble import trouble

REQUEST_ID_HEADER = "X-Gateway-Request-ID"
_log = logging.getLogger("voxport.http")


class Watcher(Protocol):
    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """A request was answered with this status (0: not at all), so many seconds after it came."""


class RequestMiddleware:
    """Gives each request an id (in its state, its log lines and its response), and logs and counts how it ended. The
    path is logged without its query, which may hold a signature."""

    def __init__(self, app: ASGIApp, *, watcher: Watcher) -> None:
        self._app = app
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        bind_request(request_id)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            if "\0" in scope["path"]:
                # No id holds a NUL, and Postgres would refuse to look for one.
                await send_error(NotFound("There is nothing at this path."), scope, send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        except Exception as error:
            # Here and not in a handler of the framework: those answer outside of this middleware, without the id.
            _log.exception("unexpected error")
            if status:
                raise
            unexpected = VoxportError("Something went wrong in the gateway. Nothing was charged; please try again.")
            await send_error(trouble(error) or unexpected, scope, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            self._watcher.ended(scope, status, seconds)
            _log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "key": getattr(scope["state"].get("principal"), "key_id", None),
                    "ms": round(seconds * 1000, 1),
                },
            )


class BodyLimitMiddleware:
    """Refuses JSON bodies over `max_bytes`: by their announced length before a byte is read, else as soon as more
    comes. Paths under `streamed` (uploads) count for themselves."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, streamed: str) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._streamed):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._max_bytes:
            await self._refuse(scope, send)
            return
        received = 0
        refused = False

        async def counted() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes and not refused:
                refused = True
                await self._refuse(scope, send)
            # The application sees the client gone, and what it still sends goes nowhere.
            return {"type": "http.disconnect"} if refused else message

        async def send_unless_refused(message: Message) -> None:
            if not refused:
                await send(message)

        await self._app(scope, counted, send_unless_refused)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        error = TooLarge(
            f"The body is larger than {self._max_bytes:,} bytes. Send files with upload-media, not in the body.",
            code="body_too_large",
            details={"max_bytes": self._max_bytes},
        )
        await send_error(error, scope, send)


async def send_error(error: VoxportError, scope: Scope, send: Send) -> None:
    """Answer with an error from below the framework, and close the connection: the rest of the body is unread."""
    body = {"status": "error", "error": error.as_body(scope["state"]["request_id"])}
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
