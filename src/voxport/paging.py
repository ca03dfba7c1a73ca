"""Cursor pagination of lists: `?limit=50&cursor=…` → `data` and `next_cursor`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from voxport.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    rows: list[T]
    next_cursor: str | None


def build_page(rows: list[T], limit: int, position: Callable[[T], int]) -> Page[T]:
    """Build a page from up to `limit` + 1 rows; the extra row shows that there is a next page."""
    if len(rows) <= limit:
        return Page(rows, None)
    page_rows = rows[:limit]
    return Page(page_rows, base64.urlsafe_b64encode(str(position(page_rows[-1])).encode()).decode().rstrip("="))


def decode_cursor(cursor: str | None) -> int | None:
    """Return the position after which a page starts. Raises Invalid for a malformed cursor."""
    if cursor is None:
        return None
    try:
        position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        position = ""
    if not position.isascii() or not position.isdigit() or len(position) > 18:
        raise Invalid("The cursor is not one that a list of this gateway gave.", location=("query", "cursor"))
    return int(position)
