"""Parameters that endpoints share, and those that they read from the request themselves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200, description="How many rows a page has.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


def header_parameter(name: str, description: str) -> dict[str, Any]:
    """Return what the OpenAPI document says of a header that an endpoint reads itself."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "title": name},
    }
