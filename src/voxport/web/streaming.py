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
from voxport.web.concurrency import Gate, Turn, in_any_case, until_left

_STALL_SECONDS = 300.0  # a reader that takes nothing for so long is gone, whatever its connection says
_log = logging.getLogger("voxport.live")


async def live_response(
    gate: Gate,
    client: str,
    chunks: Generator[bytes, None, None],
    *,
    headers: Callable[[], Mapping[str, str]],
    otherwise: Callable[[], None],
    on_left: Callable[[], None],
    receive: Receive,
) -> LiveResponse:
    """The response, as soon as there is something to send; `headers`, with the content type, are asked for then. What
    `chunks` raises before goes through, and is an answer like any other error. `otherwise` runs where its turn does not
    come, `on_left` when the client goes away, which the request's `receive` tells: one that waits leaves the line, and
    one whose first sound is being made gives its place back."""
    left = asyncio.ensure_future(until_left(receive))
    try:
        return await _begun(gate, client, chunks, left, headers=headers, otherwise=otherwise, on_left=on_left)
    finally:
        left.cancel()


async def _begun(
    gate: Gate,
    client: str,
    chunks: Generator[bytes, None, None],
    left: asyncio.Future[None],
    *,
    headers: Callable[[], Mapping[str, str]],
    otherwise: Callable[[], None],
    on_left: Callable[[], None],
) -> LiveResponse:
    try:
        turn = await gate.turn(client, left)
    except BaseException:
        await in_any_case(otherwise)
        raise

    def leave(told: asyncio.Future[None]) -> None:
        if not told.cancelled():
            on_left()
            turn.caller_left()

    left.add_done_callback(leave)
    try:
        first = await gate.in_thread(partial(next, chunks, b""))
    except BaseException:
        turn.end()
        if inspect.getgeneratorstate(chunks) == inspect.GEN_CREATED:
            await in_any_case(otherwise)
        raise
    try:
        return LiveResponse(gate, turn, first, chunks, headers=headers(), on_left=on_left)
    except BaseException:
        await gate.in_thread(chunks.close)
        turn.end()
        raise


class LiveResponse(Response):
    """Sends what the generator gives. An error in its middle breaks the body off without an end, so that nobody takes
    what came for the whole. The generator is closed when the client goes away, and stopped by an error when the
    server does; its place is given back, to the next one already when the client goes."""

    def __init__(
        self,
        gate: Gate,
        turn: Turn,
        first: bytes,
        chunks: Generator[bytes, None, None],
        *,
        headers: Mapping[str, str],
        on_left: Callable[[], None],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", **headers})
        self._gate = gate
        self._turn = turn
        self._on_left = on_left
        self._first = first
        self._chunks = chunks
        self._is_left = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive, tasks.cancel_scope)
                await self._send(send)
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._gate.in_thread(self._end)
                finally:
                    self._turn.end()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk = self._first
        try:
            while chunk:
                with anyio.fail_after(_STALL_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await self._gate.in_thread(partial(next, self._chunks, b""))
        except VoxportError as error:
            _log.warning("a stream broke off", extra={"code": error.code})
        except TimeoutError:
            self._leave()
            _log.info("a stream's reader takes nothing any more")
        except Exception:
            _log.exception("a stream broke off for a reason of our own")
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive, scope: anyio.CancelScope) -> None:
        await until_left(receive)
        self._leave()
        scope.cancel()

    def _leave(self) -> None:
        """The place is given back at once: the piece in work may take long."""
        self._is_left = True
        self._on_left()
        self._turn.caller_left()

    def _end(self) -> None:
        """Of a generator that is at its end already, nothing is left to do."""
        if self._is_left:
            self._chunks.close()
        else:
            with contextlib.suppress(_ServerStops):
                self._chunks.throw(_ServerStops())


class _ServerStops(Exception):
    """The stream is cut off, and the client has no part in it."""
