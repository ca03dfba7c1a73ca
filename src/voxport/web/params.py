"""Query parameters that the list endpoints share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200, description="How many rows a page has.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]
