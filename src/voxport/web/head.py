"""Answers HEAD wherever there is GET (RFC 9110, 9.1 and 9.3.2): load balancers and monitors send it."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Answers HEAD with the status and headers of GET. An endless body (server-sent events) is cancelled at its first
    chunk. Paths under `exempt_prefix` (files) answer HEAD themselves, without reading the file."""

    def __init__(self, app: ASGIApp, *, exempt_prefix: str) -> None:
        self._app = app
        self._exempt_prefix = exempt_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(self._exempt_prefix):
            await self._app(scope, receive, send)
            return
        # A copy, since the server omits the body while its own scope says HEAD.
        get_scope = {**scope, "method": "GET"}
        is_finished = False

        async def send_without_body(message: Message) -> None:
            nonlocal is_finished
            if message["type"] != "http.response.body":
                await send(message)
            elif not is_finished:
                is_finished = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                if message.get("more_body", False):
                    sending.cancel()

        try:
            with anyio.CancelScope() as sending:
                await self._app(get_scope, receive, send_without_body)
        finally:
            # The request log and metrics read the route from the scope.
            scope.update({**get_scope, "method": "HEAD"})
