"""Evaluates conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from starlette.datastructures import Headers

PreconditionResult = Literal["send", "not_modified", "failed"]

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def evaluate_preconditions(headers: Headers, *, etag: str, last_modified: str) -> PreconditionResult:
    """Evaluate the conditions of a GET or HEAD in the order of section 13.2.2. `etag` is a strong one, in quotes, and
    `last_modified` is an HTTP date. Dates that can't be parsed are ignored."""
    if_match, unmodified_since = _combined_header(headers, "if-match"), headers.get("if-unmodified-since")
    if if_match is not None:
        if not _matches(if_match, etag, is_strong=True):
            return "failed"
    elif unmodified_since is not None and _is_modified_since(last_modified, unmodified_since):
        return "failed"
    none_match, modified_since = _combined_header(headers, "if-none-match"), headers.get("if-modified-since")
    if none_match is not None:
        return "not_modified" if _matches(none_match, etag, is_strong=False) else "send"
    if (
        modified_since is not None
        and _parse_date(modified_since)
        and not _is_modified_since(last_modified, modified_since)
    ):
        return "not_modified"
    return "send"


def allows_range(headers: Headers, *, etag: str, last_modified: str) -> bool:
    """Whether a range may be sent: there is no `If-Range`, or it matches the current file."""
    value = headers.get("if-range")
    return value is None or value.strip() in (etag, last_modified)


def _combined_header(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    return ", ".join(values) if values else None


def _matches(condition: str, etag: str, *, is_strong: bool) -> bool:
    if condition.strip() == "*":
        return True
    return any(f'"{tag}"' == etag and not (weak and is_strong) for weak, tag in _TAG.findall(condition))


def _is_modified_since(last_modified: str, since: str) -> bool:
    moment, limit = _parse_date(last_modified), _parse_date(since)
    return moment is not None and limit is not None and moment > limit


def _parse_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
