"""HEAD wherever there is GET, as RFC 9110 (9.1, 9.3.2) asks: load balancers and monitors send it."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Answers HEAD with the status and the headers of GET. A body that has no end of its own (server-sent events) is
    ended at its first chunk. Paths under `native` (files) answer HEAD themselves, without reading the file."""

    def __init__(self, app: ASGIApp, *, native: str) -> None:
        self._app = app
        self._native = native

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(self._native):
            await self._app(scope, receive, send)
            return
        # A copy: the server writes no body while its own scope says HEAD.
        as_get = {**scope, "method": "GET"}
        is_ended = False

        async def send_without_body(message: Message) -> None:
            nonlocal is_ended
            if message["type"] != "http.response.body":
                await send(message)
            elif not is_ended:
                is_ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                if message.get("more_body", False):
                    sending.cancel()

        try:
            with anyio.CancelScope() as sending:
                await self._app(as_get, receive, send_without_body)
        finally:
            # The log and the metrics of requests read the route from it.
            scope.update({**as_get, "method": "HEAD"})
