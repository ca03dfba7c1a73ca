"""Responses whose body is sent while a generator, in the threads of a ConcurrencyLimiter, produces it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import NamedTuple

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voxport.errors import VoxportError
from voxport.web.concurrency import Admission, ConcurrencyLimiter

_STALL_SECONDS = 300.0  # a client that reads nothing for so long counts as disconnected
_log = logging.getLogger("voxport.live")


class StreamPart(NamedTuple):
    content: bytes
    is_last: bool


def next_part(chunks: Generator[bytes, None, None], is_complete: Callable[[], bool]) -> StreamPart:
    """Wait for the next chunk. If all chunks have been made then, run the generator to its end at once: each part costs
    a change of threads."""
    content = next(chunks, b"")
    if content and not is_complete():
        return StreamPart(content, is_last=False)
    return StreamPart(b"".join((content, *chunks)), is_last=True)


def close_chunks(chunks: Generator[bytes, None, None]) -> None:
    """Close the generator, unless a thread runs it now, as when the server stops: then it is closed when that thread
    drops it."""
    try:
        chunks.close()
    except ValueError:
        if inspect.getgeneratorstate(chunks) != inspect.GEN_RUNNING:
            raise


class LiveStreamResponse(Response):
    """Sends the generator's chunks. After an error, the body is left without its end marker, so that no client takes it
    for complete. The generator is closed when the client disconnects or the server stops. The slot is released at the
    end, or as soon as the client disconnects."""

    def __init__(
        self,
        limiter: ConcurrencyLimiter,
        admission: Admission,
        first: StreamPart,
        chunks: Generator[bytes, None, None],
        *,
        headers: Mapping[str, str],
        is_complete: Callable[[], bool],
        on_stalled: Callable[[], None],
        on_discarded: Callable[[], None],
    ) -> None:
        """`first` is the first part, which `next_part` returned; `is_complete` is what it takes. `on_stalled` is called
        if the client reads nothing any more, and `on_discarded` if the server ends the stream. The response ends the
        admission."""
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", **headers})
        self._limiter = limiter
        self._admission = admission
        self._next_part = partial(next_part, chunks, is_complete)
        self._on_stalled = on_stalled
        self._on_discarded = on_discarded
        self._first = first
        self._chunks = chunks
        self._is_stalled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._send(send)
        finally:
            if inspect.getgeneratorstate(self._chunks) == inspect.GEN_CLOSED:
                self._admission.end()
            else:
                if not (self._is_stalled or self._admission.has_client_left):
                    self._on_discarded()
                with anyio.CancelScope(shield=True):
                    try:
                        await self._limiter.in_thread(partial(close_chunks, self._chunks))
                    finally:
                        self._admission.end()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        part = self._first
        try:
            while True:
                async with asyncio.timeout(_STALL_SECONDS):
                    # Returns at once if the client has disconnected.
                    await send({"type": "http.response.body", "body": part.content, "more_body": not part.is_last})
                if part.is_last or self._admission.has_client_left:
                    return
                part = await self._limiter.in_thread(self._next_part)
        except VoxportError as error:
            _log.warning("a stream broke off", extra={"code": error.code})
        except TimeoutError:
            self._is_stalled = True
            self._on_stalled()
            self._admission.abandon()
            _log.info("a stream's reader takes nothing any more")
        except Exception:
            _log.exception("a stream broke off for a reason of our own")
