"""Limits the size, nesting depth and transfer time of JSON bodies."""

from __future__ import annotations

import asyncio
import contextlib
import re
from array import array
from itertools import accumulate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxport.errors import Invalid, RequestTimeout, TooLarge, VoxportError
from voxport.web.requests import send_error

MAX_DEPTH = 32
_TIMEOUT_SECONDS = 60.0
_DROP_SECONDS = 5.0
_ESCAPES = re.compile(rb"(?:\\.)++", re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 opens a level, -1 closes one
_NO_STEPS = bytes(set(range(256)) - set(b"[{]}"))


class BodyLimitMiddleware:
    """Refuses JSON bodies over `max_bytes`. One of up to twice that is read to its end first, and dropped: proxies
    written in Go cut an answer that comes in the middle of a body. A longer one is refused by its announced length
    before a byte is read, else as soon as more arrives. Refuses bodies nested deeper than MAX_DEPTH, or not complete
    within `timeout` seconds. Paths under `exempt_prefix` (uploads) have limits of their own."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, exempt_prefix: str, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._exempt_prefix = exempt_prefix
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._exempt_prefix):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._max_bytes:
            if int(announced[:20]) <= 2 * self._max_bytes:
                await _drop_body(receive, 2 * self._max_bytes)
            await send_error(self._too_large(), scope, send)
            return
        received, depth = 0, JsonDepth()
        is_refused = is_complete = False
        deadline = asyncio.get_running_loop().time() + self._timeout

        async def refuse(error: VoxportError) -> None:
            nonlocal is_refused
            is_refused = True
            await send_error(error, scope, send)

        async def receive_limited() -> Message:
            nonlocal received, is_complete
            if is_refused:
                return {"type": "http.disconnect"}
            if is_complete:
                return await receive()  # waits for the disconnect
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                await refuse(RequestTimeout(f"The body did not come within {self._timeout:g} s. Send it again."))
                return {"type": "http.disconnect"}
            body = message.get("body", b"")
            received += len(body)
            is_complete = not message.get("more_body", False)
            if received > self._max_bytes:
                if not is_complete:
                    await _drop_body(receive, 2 * self._max_bytes - received)
                await refuse(self._too_large())
            elif depth.feed(body) > MAX_DEPTH:
                await refuse(Invalid(f"The body is nested deeper than {MAX_DEPTH} levels."))
            # The application sees a disconnect, and whatever it still sends is dropped.
            return {"type": "http.disconnect"} if is_refused else message

        async def send_unless_refused(message: Message) -> None:
            if not is_refused:
                await send(message)

        await self._app(scope, receive_limited, send_unless_refused)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body is larger than {self._max_bytes:,} bytes. Send files with upload-media, not in the body.",
            code="body_too_large",
            details={"max_bytes": self._max_bytes},
        )


async def _drop_body(receive: Receive, max_bytes: int) -> None:
    """Read the rest of a body and drop it, until `max_bytes` have come or some seconds have passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DROP_SECONDS):
            while max_bytes > 0:
                message = await receive()
                if not message.get("more_body", False):
                    return
                max_bytes -= len(message["body"])


class JsonDepth:
    """Measures the nesting depth of JSON from its bytes as they arrive, before a parser could run out of stack."""

    def __init__(self) -> None:
        self._depth = 0
        self._max_depth = 0
        self._in_string = False
        self._unread = b""

    def feed(self, data: bytes) -> int:
        """Return the deepest level so far. Avoids Python loops, since a client may send a million brackets at will."""
        data = self._unread + data
        backslashes = len(data) - len(data.rstrip(b"\\"))
        self._unread = data[len(data) - backslashes % 2 :]  # the escaped character is not here yet
        data = data[: len(data) - backslashes % 2]
        parts = _ESCAPES.sub(b"", data).split(b'"')
        outside = b"".join(parts[1 if self._in_string else 0 :: 2])
        self._in_string ^= len(parts) % 2 == 0
        steps = array("b", outside.translate(_STEPS, _NO_STEPS))
        self._max_depth = max(self._max_depth, max(accumulate(steps, initial=self._depth)))
        self._depth += sum(steps)
        return self._max_depth
