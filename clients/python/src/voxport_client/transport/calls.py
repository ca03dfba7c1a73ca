"""A call as data, so that the two clients differ only in how they send it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2

from voxport_client.errors import UnexpectedResponseError
from voxport_client.models.base import DecodeError, Model, decode
from voxport_client.transport.responses import MAX_BODY_BYTES, REQUEST_ID, read_json

T = TypeVar("T")
M = TypeVar("M", bound=Model)
IDEMPOTENCY_KEY = "Idempotency-Key"
_MAX_RAW_BYTES = 1 << 30
"""Of a call that this version does not know: it may answer with a file."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and the parser of its response.

    `body` is sent as JSON, `content` as it is. `is_authenticated`: it carries the API key. `max_bytes` limits a body
    that is read whole. `is_checked`: an error status is raised, and retried where that helps; else the parser sees it.
    `is_repeatable`: sending it twice does what sending it once does, so it is sent again after a lost answer. Only a
    billed call has an `idempotency_key`; it is made here, once, whatever is retried afterwards."""

    method: str
    path: str
    parse: Callable[[httpx2.Response], T]
    query: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    is_checked: bool = True
    is_authenticated: bool = True
    max_bytes: int = MAX_BODY_BYTES
    idempotency_key: str | None = None

    def request(self, base_url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments of httpx2's `build_request`."""
        named = {**headers, **self.headers}
        if not self.is_authenticated:
            named.pop("Authorization", None)
        if self.idempotency_key is not None:
            named[IDEMPOTENCY_KEY] = self.idempotency_key
        content = self.content
        if self.body is not None:
            named["Content-Type"] = "application/json"
            content = json.dumps(self.body, ensure_ascii=True, allow_nan=False).encode()
        query = {name: _query_text(value) for name, value in self.query.items() if value is not None}
        return {
            "method": self.method,
            "url": base_url + self.path,
            "params": query or None,
            "headers": named,
            "content": content,
        }


def billed(call: Call[T], idempotency_key: str | None) -> Call[T]:
    """Return the call with its Idempotency-Key: the caller's own, or a new one. Raises ValueError."""
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    if not 1 <= len(key) <= 255 or not all("!" <= letter <= "~" for letter in key):
        raise ValueError("An idempotency_key has 1 to 255 letters, digits and signs, and no blank: take a UUID.")
    return replace(call, idempotency_key=key)


def raw_call(
    method: str,
    where: str,
    body: Mapping[str, Any] | None,
    query: Mapping[str, str | int | bool | None] | None,
    headers: Mapping[str, str] | None,
    idempotency_key: str | None,
) -> Call[httpx2.Response]:
    """Raises ValueError."""
    if not where.startswith("/"):
        raise ValueError(f"{where!r} is no path: it begins with a slash.")
    call: Call[httpx2.Response] = Call(
        method.upper(),
        where,
        lambda response: response,
        query=query or {},
        body=body,
        headers=headers or {},
        max_bytes=_MAX_RAW_BYTES,
        is_repeatable=method.upper() in ("GET", "HEAD", "PUT", "DELETE") or idempotency_key is not None,
    )
    return call if idempotency_key is None else billed(call, idempotency_key)


def path(template: str, **parts: str) -> str:
    """Fill a path with ids. Slashes of `key` stay. Raises ValueError for an id that would change the path."""
    for name, value in parts.items():
        if not isinstance(value, str) or any(one in ("", ".", "..") for one in value.split("/")):
            raise ValueError(f"{value!r} is no {name}")
    return template.format(**{name: quote(value, safe="/" if name == "key" else "") for name, value in parts.items()})


def sent(**fields: Any) -> dict[str, Any]:
    """Return the fields of a body that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def tokens_text(amount: Decimal | int | str) -> str:
    """Return an amount of tokens as the gateway reads it. Raises ValueError for a float, which is not exact."""
    if isinstance(amount, bool | float) or not isinstance(amount, Decimal | int | str):
        raise ValueError('Give tokens as Decimal, int or text, such as "2.5": a float is not exact.')
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


def parse_body(kind: type[M]) -> Callable[[httpx2.Response], M]:
    """Return a parser of a body that is the model itself."""
    return lambda response: decode_from(kind, read_json(response), response)


def parse_data(kind: type[M]) -> Callable[[httpx2.Response], M]:
    """Return a parser of `{"data": {…}}`."""
    return lambda response: decode_from(kind, _data(response), response)


def parse_list(kind: type[M]) -> Callable[[httpx2.Response], list[M]]:
    """Return a parser of `{"data": [{…}]}`."""

    def parse(response: httpx2.Response) -> list[M]:
        data = _data(response)
        if not isinstance(data, list):
            raise _unexpected("data is no list", response)
        return [decode_from(kind, one, response) for one in data]

    return parse


def decode_from(kind: type[M], value: object, response: httpx2.Response) -> M:
    """Decode a part of a response. Raises UnexpectedResponseError."""
    try:
        return decode(kind, value)
    except DecodeError as error:
        raise _unexpected(str(error), response) from None


def _data(response: httpx2.Response) -> Any:
    body = read_json(response)
    if not isinstance(body, dict) or "data" not in body:
        raise _unexpected("there is no data", response)
    return body["data"]


def _unexpected(what: str, response: httpx2.Response) -> UnexpectedResponseError:
    return UnexpectedResponseError(
        f"The answer can't be read: {what}. Is this client older than the gateway?",
        request_id=response.headers.get(REQUEST_ID),
    )


def _query_text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
