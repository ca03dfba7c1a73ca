"""Validates ids and texts that providers send. The ids go into URLs of requests that carry the operator's key, the
texts into headers, logs and the database."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from voxport.errors import ProviderFailed

MAX_LENGTH: Final = 128
"""Characters of an id; the width of the database's columns."""
_ID: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_LENGTH}}}")
_STOCK_ID: Final = re.compile(rf"(?=.{{1,{MAX_LENGTH}}}\Z)[!-~]([ -~]*[!-~])?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_TRACE: Final = re.compile(r"[^A-Za-z0-9._:/+=-]")


def is_id(value: Any) -> bool:
    """Whether `value` can be the id of a clone: letters, digits, `-` and `_`."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def require_id(value: Any, title: str) -> str:
    """Return `value`. Raises ProviderFailed if it is not a valid id."""
    if not isinstance(value, str) or not is_id(value):
        raise ProviderFailed(f"{title} gave the voice an id that can't be used. Nothing was charged; try again.")
    return value


def path_segment(voice_id: str, title: str) -> str:
    """Return a voice's id as one segment of a URL path. Raises ProviderFailed if it is not a valid id."""
    return quote(require_id(voice_id, title), safe="")


def is_stock_id(value: Any) -> bool:
    """Whether `value` can be the id of a stock voice: printable ASCII, so that requests can name it. MiniMax's contain
    spaces and brackets. None of them goes into a path."""
    return isinstance(value, str) and _STOCK_ID.fullmatch(value) is not None


def is_cursor(value: Any) -> bool:
    """Whether `value` can be the cursor of a provider's list. It is sent back in a query."""
    return isinstance(value, str) and 0 < len(value) <= 4096 and value.isascii() and value.isprintable()


def plain_text(value: Any, *, default: str = "", max_length: int = MAX_LENGTH) -> str:
    """Reduce a provider's text to one line of printable characters; `default` if nothing is left."""
    text = "".join(letter for letter in str(value)[: 4 * max_length] if letter.isprintable())
    return text.strip()[:max_length] or default


def language_code(value: Any, *, default: str) -> str:
    """Return a provider's language if it is a BCP 47 code, else `default`."""
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else default


def trace_id(value: Any) -> str:
    """Return a provider's request id, for its support, reduced to the characters that such ids consist of."""
    return _TRACE.sub("", str(value)[:1024])[:MAX_LENGTH] if isinstance(value, str | int) else ""
