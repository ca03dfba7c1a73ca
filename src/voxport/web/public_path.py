"""Supports a public URL with a path, such as `/voice` in `https://api.example.com/voice`: a proxy in front may keep or
strip it, and the gateway's links include it."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def public_path(public_url: str) -> str:
    """Return the path of the URL, percent-encoded and without a trailing slash; empty if it has none. Links in pages
    begin with it, not with the host, since a gateway may have several host names."""
    return quote(urlsplit(public_url).path.rstrip("/"), safe="/%")


class PublicPathMiddleware:
    """Routes paths with and without the prefix alike, since some proxies strip it and some don't, and adds it to each
    `Location` that is a path. `own_segments` are the first segments of the gateway's own paths: a prefix that begins
    with one of them (`/v1`) is ambiguous, so the proxy has to strip it."""

    def __init__(self, app: ASGIApp, *, prefix: str, own_segments: Collection[str]) -> None:
        self._app = app
        self._prefix = prefix
        self._decoded_prefix = unquote(prefix)
        self._strips_prefix = prefix.split("/")[1] not in own_segments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._strips_prefix and scope["path"].startswith(self._decoded_prefix + "/"):
            raw: bytes = scope.get("raw_path") or b""
            scope = {**scope, "path": scope["path"][len(self._decoded_prefix) :]}
            if raw.startswith(self._prefix.encode() + b"/"):
                scope["raw_path"] = raw[len(self._prefix) :]

        async def send_with_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                location = headers.get("location", "")
                if location.startswith("/") and not location.startswith("//"):
                    headers["location"] = self._prefix + location
            await send(message)

        await self._app(scope, receive, send_with_prefix)
