"""Responses whose body is sent while a generator, in the threads of a ConcurrencyLimiter, produces it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable, Generator, Mapping
from functools import partial

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voxport.errors import VoxportError
from voxport.web.concurrency import ConcurrencyLimiter, ConcurrencyPermit, run_shielded
from voxport.web.disconnect import watch_for_disconnect

_STALL_SECONDS = 300.0  # a client that reads nothing for so long counts as disconnected
_log = logging.getLogger("voxport.live")


async def streaming_response(
    limiter: ConcurrencyLimiter,
    client: str,
    chunks: Generator[bytes, None, None],
    *,
    headers: Callable[[], Mapping[str, str]],
    on_rejected: Callable[[], None],
    on_disconnect: Callable[[], None],
    receive: Receive,
) -> LiveStreamResponse:
    """Return a response once the first chunk exists; `headers`, with the content type, is called then. Errors that
    `chunks` raises before that propagate, and become ordinary error answers. `on_rejected` runs if `chunks` never
    starts, `on_disconnect` when the client, watched by the request's `receive`, disconnects: a waiting call leaves the
    queue, and one that is producing its first chunk releases its slot."""
    disconnected = watch_for_disconnect(receive)
    try:
        permit = await limiter.acquire_permit(client, disconnected)
    except BaseException:
        disconnected.cancel()
        await run_shielded(on_rejected)
        raise

    def handle_disconnect(future: asyncio.Future[None]) -> None:
        if not future.cancelled():
            on_disconnect()
            permit.on_disconnect()

    disconnected.add_done_callback(handle_disconnect)
    try:
        first = await limiter.in_thread(partial(next, chunks, b""))
    except BaseException:
        disconnected.cancel()
        permit.release()
        if inspect.getgeneratorstate(chunks) == inspect.GEN_CREATED:
            await run_shielded(on_rejected)
        raise
    try:
        return LiveStreamResponse(
            limiter, permit, first, chunks, headers=headers(), disconnected=disconnected, on_stalled=on_disconnect
        )
    except BaseException:
        disconnected.cancel()
        await limiter.in_thread(chunks.close)
        permit.release()
        raise


class LiveStreamResponse(Response):
    """Sends the generator's chunks. After an error, the body is left without its end marker, so that no client takes it
    for complete. The generator is closed when the client disconnects, and gets an exception when the server stops. The
    slot is released at the end, or as soon as the client disconnects."""

    def __init__(
        self,
        limiter: ConcurrencyLimiter,
        permit: ConcurrencyPermit,
        first: bytes,
        chunks: Generator[bytes, None, None],
        *,
        headers: Mapping[str, str],
        disconnected: asyncio.Future[None],
        on_stalled: Callable[[], None],
    ) -> None:
        """`disconnected` is done when the client disconnects; `on_stalled` is called if it reads nothing any more."""
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", **headers})
        self._limiter = limiter
        self._permit = permit
        self._disconnected = disconnected
        self._on_stalled = on_stalled
        self._first = first
        self._chunks = chunks
        self._is_stalled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._send(send)
        finally:
            is_left = self._is_stalled or (self._disconnected.done() and not self._disconnected.cancelled())
            self._disconnected.cancel()
            with anyio.CancelScope(shield=True):
                try:
                    if inspect.getgeneratorstate(self._chunks) != inspect.GEN_CLOSED:
                        await self._limiter.in_thread(partial(self._close_chunks, is_left))
                finally:
                    self._permit.release()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk = self._first
        try:
            while chunk:
                async with asyncio.timeout(_STALL_SECONDS):
                    # Returns at once if the client has disconnected.
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if self._disconnected.done():
                    return
                chunk = await self._limiter.in_thread(partial(next, self._chunks, b""))
        except VoxportError as error:
            _log.warning("a stream broke off", extra={"code": error.code})
        except TimeoutError:
            self._is_stalled = True
            self._on_stalled()
            self._permit.on_disconnect()
            _log.info("a stream's reader takes nothing any more")
        except Exception:
            _log.exception("a stream broke off for a reason of our own")
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _close_chunks(self, is_left: bool) -> None:
        """End the generator; `is_left` if its client has left."""
        if is_left:
            self._chunks.close()
        else:
            with contextlib.suppress(_ServerShutdown):
                self._chunks.throw(_ServerShutdown())


class _ServerShutdown(Exception):
    """Tells the generator that the server, not the client, ends the stream."""
