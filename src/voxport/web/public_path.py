"""The path of the public address, such as `/voice` of `https://api.example.com/voice`: a proxy in front keeps it or
takes it away, and what the gateway says of itself carries it."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def public_path(public_url: str) -> str:
    """The path of the address, percent-encoded and without a slash at its end; empty where it has none. Links of pages
    begin with it, not with the host, since a gateway may be reached by several names."""
    return quote(urlsplit(public_url).path.rstrip("/"), safe="/%")


class PublicPathMiddleware:
    """Routes a path with the prefix and without it alike: some proxies take it away, some don't. Puts it in front of
    each `Location` that is a path. `own_segments` are the first parts of the gateway's own paths: a prefix that
    begins with one (`/v1`) could be either, and then only a proxy that takes it away will do."""

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
