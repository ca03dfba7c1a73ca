"""Serves a double on a real socket."""

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

_TIMEOUT_SECONDS: Final = 20.0  # for startup and for shutdown
_GRACE_SECONDS: Final = 0.1
"""Time for responses in progress when a double is stopped. A hanging response is then cancelled."""
_CONNECTIONS: Final[dict[tuple[str, int], asyncio.Transport]] = {}
"""Keyed by the client's address. An ASGI application has no other way to close a connection."""


@contextlib.contextmanager
def serve_app(app: ASGIApp, *, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve `app` on a free port of `host`, in a thread of this process, until the end of the block. Yields its URL."""
    listener = socket.create_server((host, 0))
    server = PromptServer(
        uvicorn.Config(app, http=_Protocol, lifespan="off", log_config=None, access_log=False),
        grace_seconds=_GRACE_SECONDS,
    )
    with server.running(listener):
        yield f"http://{host}:{listener.getsockname()[1]}"


def hang_up(scope: Scope) -> None:
    """Close the connection of this request at once, whatever has been sent."""
    transport = _CONNECTIONS.get(tuple(scope["client"]))
    if transport is not None:
        transport.abort()


class PromptServer(uvicorn.Server):
    """A server without uvicorn's fixed pauses (0.1 s per turn of its loop, 0.1 s at shutdown): many live for a single
    test. `grace_seconds` is how long shutdown waits for responses in progress."""

    def __init__(self, config: uvicorn.Config, *, grace_seconds: float) -> None:
        super().__init__(config)
        self._grace_seconds = grace_seconds
        self._is_up = threading.Event()
        self._ended = threading.Event()
        self._wake: Callable[[], object] = lambda: None

    @contextlib.contextmanager
    def running(self, listener: socket.socket) -> Iterator[None]:
        """Run in a thread until the end of the block. Raises RuntimeError if the server doesn't start."""
        thread = threading.Thread(target=self.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            if not self._is_up.wait(_TIMEOUT_SECONDS):
                raise RuntimeError("the server did not start")
            yield
        finally:
            self._end()
            thread.join(_TIMEOUT_SECONDS)
            listener.close()

    def _end(self) -> None:
        """Stop the server. Thread-safe."""
        self._ended.set()
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # its loop is already closed
            self._wake()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()

    async def main_loop(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(ended.set)
        await self.on_tick(0)
        if not self._ended.is_set():
            await ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        until = time.monotonic() + self._grace_seconds
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < until:
            await asyncio.sleep(0.005)
        for task in list(self.server_state.tasks):
            task.cancel()


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        _CONNECTIONS[tuple(transport.get_extra_info("peername")[:2])] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _CONNECTIONS.pop(tuple(self.transport.get_extra_info("peername")[:2]), None)
        super().connection_lost(exc)
