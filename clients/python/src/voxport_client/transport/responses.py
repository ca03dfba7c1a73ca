"""Reads what every response has: JSON, errors, ids and waiting times."""

from __future__ import annotations

import contextlib
import email.utils
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2

from voxport_client.errors import StatusError, UnexpectedResponseError
from voxport_client.models.base import plain

REQUEST_ID = "X-Gateway-Request-ID"
MAX_BODY_BYTES = 16 << 20
_OF_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_STORAGE_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")


def read_whole(response: httpx2.Response, max_bytes: int) -> httpx2.Response:
    """Read a response to its end, and return it with its body. `max_bytes` counts after decompression. Raises
    UnexpectedResponseError, httpx2.RequestError."""
    with contextlib.closing(response):
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            require_bounded(response, len(body), max_bytes)
    return with_body(response, body)


def require_bounded(response: httpx2.Response, size: int, max_bytes: int) -> None:
    """Raises UnexpectedResponseError if a body has become too large."""
    if size > max_bytes:
        raise UnexpectedResponseError(
            f"{response.url.host} answered with more than {max_bytes >> 20} MiB. Is the base_url that of a Voxport "
            "gateway?",
            request_id=response.headers.get(REQUEST_ID),
        )


def with_body(response: httpx2.Response, body: bytearray) -> httpx2.Response:
    """Return a response with its body, which was decompressed."""
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_TRANSFER]
    whole = httpx2.Response(
        response.status_code,
        headers=headers,
        content=bytes(body),
        request=response.request,
        extensions=response.extensions,
        history=response.history,
    )
    with contextlib.suppress(RuntimeError):  # a transport that sends nothing does not say it
        whole.elapsed = response.elapsed
    return whole


def read_json(response: httpx2.Response) -> Any:
    """Parse a body, with `Decimal` for decimal numbers so that amounts stay exact. Raises UnexpectedResponseError."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise UnexpectedResponseError(
            f"{response.url.host} answered {response.status_code} with something else than JSON. Is the base_url that "
            "of a Voxport gateway?",
            request_id=response.headers.get(REQUEST_ID),
        ) from None


def is_from_gateway(response: httpx2.Response) -> bool:
    """Whether an error response is the gateway's own, and not that of a proxy before it."""
    return REQUEST_ID in response.headers


def status_error(response: httpx2.Response, *, idempotency_key: str | None = None) -> StatusError:
    """Build the error of a response that was read."""
    try:
        body = plain(json.loads(response.content, parse_float=Decimal))
    except (ValueError, RecursionError):
        body = None
    found = body.get("error") if isinstance(body, dict) else None
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    code, details = error.get("code"), error.get("details")
    message, request_id = error.get("message"), error.get("request_id") or response.headers.get(REQUEST_ID)
    if code is None:
        code = _storage_code(response)
    kind = StatusError.statuses.get(response.status_code, StatusError)
    return kind(
        message if isinstance(message, str) else _message_without_body(response, code),
        status=response.status_code,
        code=code if isinstance(code, str) else None,
        request_id=request_id if isinstance(request_id, str) else None,
        details=details if isinstance(details, dict) else None,
        idempotency_key=idempotency_key,
        retry_after=retry_after(response),
        body=body,
    )


def retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of Retry-After, which is a number or a date; None where there is none."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def warnings_of(response: httpx2.Response) -> list[str]:
    """Return what X-Voxport-Warnings says, with its escaped characters."""
    line = response.headers.get("X-Voxport-Warnings")
    return [] if line is None else [_ESCAPE.sub(_character, line)]


def decimal_header(response: httpx2.Response, name: str) -> Decimal:
    """Return a header that is a number of tokens. Raises UnexpectedResponseError."""
    value = response.headers.get(name, "")
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", value):
        raise UnexpectedResponseError(
            f"The answer has no {name}. Is the base_url that of a Voxport gateway?",
            request_id=response.headers.get(REQUEST_ID),
        )
    return Decimal(value)


def _character(match: re.Match[str]) -> str:
    number = int(next(one for one in match.groups() if one is not None), 16)
    return chr(number) if number <= 0x10FFFF else match[0]


def _storage_code(response: httpx2.Response) -> str | None:
    """Return the code of an S3 storage's error, which is XML."""
    match = _STORAGE_CODE.search(response.text[:4096])
    return match[1] if match is not None else None


def _message_without_body(response: httpx2.Response, code: Any) -> str:
    reason = f" ({code})" if code is not None else ""
    return f"{response.url.host} answered {response.status_code}{reason}, without saying why."
