"""Detects that the client of a request disconnects before its answer has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
from starlette.types import Receive


def watch_for_disconnect(receive: Receive) -> asyncio.Future[None]:
    """Return a future that is done when the client disconnects. Read the body before, and cancel it in the end."""
    return asyncio.ensure_future(_wait_for_disconnect(receive))


async def run_until_disconnect(
    receive: Receive, send_all: Callable[[], Awaitable[None]], on_disconnect: Callable[[], None] = lambda: None
) -> None:
    """Await `send_all`. If the client disconnects before it ends, call `on_disconnect` and cancel it."""

    async def watch() -> None:
        await _wait_for_disconnect(receive)
        on_disconnect()
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await send_all()
        tasks.cancel_scope.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
