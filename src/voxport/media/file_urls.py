"""Signs the URLs of the files that a stored answer names: each object with a `key` has its `url` beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def file_keys(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the storage keys in an answer, also in objects inside it."""
    if isinstance(data.get("key"), str):
        yield data["key"]
    for value in data.values():
        if isinstance(value, Mapping):
            yield from file_keys(value)


def with_file_urls(data: Mapping[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
    """Return a copy in which each `key` has the URL of `urls` beside it, or null if there is none."""
    copy = {name: with_file_urls(value, urls) if isinstance(value, Mapping) else value for name, value in data.items()}
    key = copy.get("key")
    return {"url": None, **copy, **{"url": urls.get(key)}} if isinstance(key, str) else copy
