"""Limits the URL and the headers of a request."""

from __future__ import annotations

from urllib.parse import unquote_plus, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from voxport.errors import BadRequest, HeadersTooLarge, Invalid, NotFound, UnsupportedMedia, UriTooLong, VoxportError
from voxport.web.requests import send_error

MAX_URL_BYTES = 8_192
MAX_PARAMETERS = 64
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}
_IDENTITY_ENCODINGS = {b"", b"identity"}


class RequestLineMiddleware:
    """Refuses URLs and headers that are too long, too many or not UTF-8, before anything parses them. The query of a
    path under `signed_prefix` is not parsed here: the check of its signature covers it."""

    def __init__(self, app: ASGIApp, *, signed_prefix: str) -> None:
        self._app = app
        self._signed_prefix = signed_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = _find_error(scope, self._signed_prefix) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
        else:
            await send_error(error, scope, send)


def _find_error(scope: Scope, signed_prefix: str) -> VoxportError | None:
    query: bytes = scope["query_string"]
    headers = scope["headers"]
    if len(scope.get("raw_path") or b"") + len(query) > MAX_URL_BYTES:
        return UriTooLong(f"The address is longer than {MAX_URL_BYTES:,} bytes.")
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        return headers_too_large()
    types = {value for name, value in headers if name == b"content-type"}
    if len(types) > 1:
        return BadRequest("Two different Content-Type headers were sent. Send one.")
    encoding_error = _check_encoding(scope)
    if encoding_error is not None:
        return encoding_error
    if "\0" in scope["path"]:
        # No id contains a NUL, and Postgres raises an error for one in a query.
        return NotFound("There is nothing at this path.")
    if scope["path"].startswith(signed_prefix):
        return None
    if query.count(b"&") >= MAX_PARAMETERS:
        return Invalid(f"A query has at most {MAX_PARAMETERS} parameters.", location=("query",))
    try:
        decoded = unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError:
        return Invalid("The query is not UTF-8.", location=("query",))
    if "\0" in decoded:
        return Invalid("The query holds a NUL.", location=("query",))
    return _check_duplicates(query)


def _check_encoding(scope: Scope) -> VoxportError | None:
    """Refuse encoded and partial bodies: the gateway doesn't decode or assemble them, so it would store another file
    than the client meant (RFC 9110, sections 8.4 and 14.5)."""
    if scope["method"] in _WITHOUT_BODY:
        return None
    for name, value in scope["headers"]:
        if name == b"content-encoding" and not _IDENTITY_ENCODINGS.issuperset(
            part.strip().lower() for part in value.split(b",")
        ):
            error = UnsupportedMedia("The body came packed (Content-Encoding). Send it as it is, without that header.")
            error.headers["Accept-Encoding"] = "identity"
            return error
        if name == b"content-range":
            return BadRequest("The body came as a part of a file (Content-Range). Send all of it in one request.")
    return None


def _check_duplicates(query: bytes) -> VoxportError | None:
    """Refuse a repeated parameter: no call takes one twice, and it would be undefined which value counts."""
    if b"&" not in query:
        return None
    names = [unquote_plus(part.partition("=")[0]) for part in query.decode("utf-8", "replace").split("&") if part]
    duplicate = next((name[:100] for index, name in enumerate(names) if name in names[:index]), None)
    if duplicate is None:
        return None
    return Invalid(
        f"The parameter `{duplicate}` stands twice in the query. Send it once.", location=("query", duplicate)
    )


def headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"A request has at most {MAX_HEADERS} headers, of {MAX_HEADER_BYTES:,} bytes together.")
