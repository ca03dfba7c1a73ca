"""A double behind a real socket of 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_SECONDS: Final = 20.0  # for its start, and for its end
_CONNECTIONS: Final[dict[tuple[str, int], asyncio.Transport]] = {}
"""By the client's address: an ASGI application has no other way to hang up."""


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of `app`, served by a thread of this process until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=_Protocol, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + _SECONDS
    try:
        while not server.started:
            if time.monotonic() > until:
                raise RuntimeError("the double did not start")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(_SECONDS)
        listener.close()


def hang_up(scope: Scope) -> None:
    """Close the connection of this request at once, whatever was sent."""
    transport = _CONNECTIONS.get(tuple(scope["client"]))
    if transport is not None:
        transport.abort()


class _Server(uvicorn.Server):
    """Waits to be ended, in place of looking ten times a second: many live for one test."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = threading.Event()
        self._wake: Callable[[], object] = lambda: None

    def end(self) -> None:
        """From any thread."""
        self._ended.set()
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # its loop is closed already
            self._wake()

    async def main_loop(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(ended.set)
        await self.on_tick(0)
        if not self._ended.is_set():
            await ended.wait()


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        _CONNECTIONS[tuple(transport.get_extra_info("peername")[:2])] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _CONNECTIONS.pop(tuple(self.transport.get_extra_info("peername")[:2]), None)
        super().connection_lost(exc)
