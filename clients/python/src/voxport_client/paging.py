"""Lists of the gateway, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx2

from voxport_client.errors import UnexpectedResponseError
from voxport_client.models.base import Model
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, decode_from
from voxport_client.transport.responses import REQUEST_ID, read_json
from voxport_client.transport.sync_transport import Transport

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT = 50


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows of a list. `next_cursor` begins the next page; it is None at the end."""

    data: list[M]
    next_cursor: str | None


class Paginator(Generic[M]):
    """Iterates over all rows of a list; pages are fetched as they are needed."""

    def __init__(
        self, transport: Transport, call_for: Callable[[str | None], Call[Page[M]]], cursor: str | None
    ) -> None:
        self._transport = transport
        self._call_for = call_for
        self._cursor = cursor

    def __iter__(self) -> Iterator[M]:
        for page in self.pages():
            yield from page.data

    def pages(self) -> Iterator[Page[M]]:
        cursor = self._cursor
        while True:
            page = self._transport.send(self._call_for(cursor))
            yield page
            cursor = _next(page, cursor)
            if cursor is None:
                return

    def first_page(self) -> Page[M]:
        return self._transport.send(self._call_for(self._cursor))


class AsyncPaginator(Generic[M]):
    """Iterates over all rows of a list; pages are fetched as they are needed."""

    def __init__(
        self, transport: AsyncTransport, call_for: Callable[[str | None], Call[Page[M]]], cursor: str | None
    ) -> None:
        self._transport = transport
        self._call_for = call_for
        self._cursor = cursor

    async def __aiter__(self) -> AsyncIterator[M]:
        async for page in self.pages():
            for row in page.data:
                yield row

    async def pages(self) -> AsyncIterator[Page[M]]:
        cursor = self._cursor
        while True:
            page = await self._transport.send(self._call_for(cursor))
            yield page
            cursor = _next(page, cursor)
            if cursor is None:
                return

    async def first_page(self) -> Page[M]:
        return await self._transport.send(self._call_for(self._cursor))


def page_calls(
    path: str, kind: type[M], *, limit: int, query: Mapping[str, str | None] | None = None
) -> Callable[[str | None], Call[Page[M]]]:
    """Return a function from a cursor to the call that fetches the page there."""

    def parse(response: httpx2.Response) -> Page[M]:
        body = read_json(response)
        rows, cursor = (body.get("data"), body.get("next_cursor")) if isinstance(body, dict) else (None, None)
        if not isinstance(rows, list) or not isinstance(cursor, str | None):
            raise UnexpectedResponseError("The answer is no page.", request_id=response.headers.get(REQUEST_ID))
        return Page([decode_from(kind, row, response) for row in rows], cursor)

    return lambda cursor: Call("GET", path, parse, query={"limit": limit, "cursor": cursor, **(query or {})})


def _next(page: Page[M], cursor: str | None) -> str | None:
    """Return the next cursor; None also where it does not move, which would never end."""
    return page.next_cursor if page.next_cursor != cursor else None
