"""A body that is sent as it is made, by a generator that runs in the gate's threads."""

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
from voxport.web.disconnect import run_until_disconnect, watch_disconnect

_STALL_SECONDS = 300.0  # a reader that takes nothing for so long is gone, whatever its connection says
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
    """The response, as soon as there is something to send; `headers`, with the content type, are asked for then. What
    `chunks` raises before goes through, and is an answer like any other error. `on_rejected` runs where its turn does
    not
    come, `on_disconnect` when the client goes away, which the request's `receive` tells: one that waits leaves the
    line, and one whose first sound is being made gives its place back."""
    with watch_disconnect(receive) as disconnected:
        try:
            permit = await limiter.acquire_permit(client, disconnected)
        except BaseException:
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
            permit.release()
            if inspect.getgeneratorstate(chunks) == inspect.GEN_CREATED:
                await run_shielded(on_rejected)
            raise
        try:
            return LiveStreamResponse(limiter, permit, first, chunks, headers=headers(), on_disconnect=on_disconnect)
        except BaseException:
            await limiter.in_thread(chunks.close)
            permit.release()
            raise


class LiveStreamResponse(Response):
    """Sends what the generator gives. An error in its middle breaks the body off without an end, so that nobody takes
    what came for the whole. The generator is closed when the client goes away, and stopped by an error when the
    server does; its place is given back, to the next one already when the client goes."""

    def __init__(
        self,
        limiter: ConcurrencyLimiter,
        permit: ConcurrencyPermit,
        first: bytes,
        chunks: Generator[bytes, None, None],
        *,
        headers: Mapping[str, str],
        on_disconnect: Callable[[], None],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", **headers})
        self._limiter = limiter
        self._permit = permit
        self._on_disconnect = on_disconnect
        self._first = first
        self._chunks = chunks
        self._is_disconnected = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await run_until_disconnect(receive, partial(self._send, send), self._disconnect)
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._limiter.in_thread(self._close_chunks)
                finally:
                    self._permit.release()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk = self._first
        try:
            while chunk:
                with anyio.fail_after(_STALL_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await self._limiter.in_thread(partial(next, self._chunks, b""))
        except VoxportError as error:
            _log.warning("a stream broke off", extra={"code": error.code})
        except TimeoutError:
            self._disconnect()
            _log.info("a stream's reader takes nothing any more")
        except Exception:
            _log.exception("a stream broke off for a reason of our own")
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _disconnect(self) -> None:
        """The place is given back at once: the piece in work may take long."""
        self._is_disconnected = True
        self._on_disconnect()
        self._permit.on_disconnect()

    def _close_chunks(self) -> None:
        """Of a generator that is at its end already, nothing is left to do."""
        if self._is_disconnected:
            self._chunks.close()
        else:
            with contextlib.suppress(_ServerShutdown):
                self._chunks.throw(_ServerShutdown())


class _ServerShutdown(Exception):
    """The stream is cut off, and the client has no part in it."""
