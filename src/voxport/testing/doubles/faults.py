"""Injects faults into a double. Each fault applies to the next requests that match it, and is then removed."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from voxport.audio.arrays import SAMPLE_RATE
from voxport.testing.doubles.server import hang_up

_HANG_SECONDS: Final = 600.0


@dataclass
class Fault:
    """A fault for requests whose path starts with `path`: skips `skip_first` of them, then applies to the next `times`.

    - `delay_seconds`: delay before the response
    - `hang`: no response for ten minutes
    - `until`: no response before this event is set, for ten minutes at most
    - `dropped`: the connection is closed without doing the work
    - `status`, `body`, `headers`, `content_type`: this response, without doing the work
    - `drop_response`: the work is done, and the connection closed before the response
    - `reset`: the connection is closed in the middle of the response body
    - `truncate`: the response ends after this fraction of its body, as if it were complete
    - `chunk_error`: the second event of a stream contains this code (MiniMax)
    - `replace`: the work is done, and this is the response (a 200 with an error inside)
    - `noise`: this many seconds of noise instead of the speech (16 bits, 24 kHz)
    - `silence`: silence of the same length instead of the speech
    - `extra_byte`: one more byte after the speech
    - `gzip_bomb_bytes`: the response is unrequested gzip that unpacks to this many zero bytes
    - `drip_seconds`: seconds between two chunks of 1 KiB of the response
    """

    path: str = "/"
    times: int = 1
    skip_first: int = 0
    method: str | None = None
    delay_seconds: float = 0.0
    hang: bool = False
    until: threading.Event | None = None
    dropped: bool = False
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    drop_response: bool = False
    reset: bool = False
    truncate: float | None = None
    chunk_error: int | None = None
    replace: Any = None
    noise: float = 0.0
    silence: bool = False
    extra_byte: bool = False
    gzip_bomb_bytes: int = 0
    drip_seconds: float = 0.0

    def answer(self) -> Response:
        if self.content_type == "application/json":
            return JSONResponse(self.body, self.status or 200, headers=self.headers)
        return Response(self.body, self.status or 200, headers=self.headers, media_type=self.content_type)


class Faults:
    """The faults that have not been applied yet."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the first fault that matches, and use it up once."""
        with self._lock:
            for fault in self._waiting:
                if request.url.path.startswith(fault.path) and fault.method in (None, request.method):
                    if fault.skip_first > 0:
                        fault.skip_first -= 1
                        continue
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None


class CutResponse(Response):
    """A response whose connection is closed after `share` of its body. At 0 nothing is sent."""

    def __init__(self, whole: Response, share: float) -> None:
        super().__init__(status_code=whole.status_code)
        self._whole = whole
        self._share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._share > 0:
            content = await content_of(self._whole)
            headers = self._whole.raw_headers
            await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
            sent = content[: int(len(content) * self._share)]
            await send({"type": "http.response.body", "body": sent, "more_body": True})
            await anyio.sleep(0.05)  # lets the first part leave before the end
        hang_up(scope)


def spoil_audio(audio: bytes, fault: Fault | None) -> bytes:
    """Apply a fault to speech (s16le)."""
    if fault is None:
        return audio
    if fault.noise:
        audio = random.Random(1).randbytes(round(fault.noise * SAMPLE_RATE) * 2)  # noqa: S311  # the same noise each time
    if fault.silence:
        audio = bytes(len(audio))
    return audio + b"\x01" if fault.extra_byte else audio


async def apply_before(fault: Fault | None) -> Response | None:
    """Apply a fault before the work. Returns a response if the work must not be done."""
    if fault is None:
        return None
    if fault.hang:
        await anyio.sleep(_HANG_SECONDS)
    if fault.delay_seconds:
        await anyio.sleep(fault.delay_seconds)
    if fault.until is not None:
        await until_set(fault.until)
    if fault.dropped:
        return CutResponse(Response(), 0.0)
    return fault.answer() if fault.status is not None else None


async def apply_after(fault: Fault | None, response: Response) -> Response:
    """Apply a fault to the response."""
    if fault is None:
        return response
    if fault.drop_response:
        return CutResponse(response, 0.0)
    if fault.reset:
        return CutResponse(response, 0.5)
    if fault.replace is not None:
        return JSONResponse(fault.replace)
    if fault.truncate is not None:
        content = await content_of(response)
        cut = content[: int(len(content) * fault.truncate)]
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        return Response(cut, response.status_code, headers=kept)
    if fault.gzip_bomb_bytes:
        headers = {"Content-Encoding": "gzip"}
        return Response(await run_sync(_bomb, fault.gzip_bomb_bytes), media_type=response.media_type, headers=headers)
    if fault.drip_seconds:
        content = await content_of(response)
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        return StreamingResponse(_dripping(content, fault.drip_seconds), response.status_code, headers=kept)
    return response


async def until_set(event: threading.Event) -> None:
    """Wait for the event, up to ten minutes."""
    with anyio.move_on_after(_HANG_SECONDS):
        while not event.is_set():
            await anyio.sleep(0.01)


async def _dripping(content: bytes, seconds: float) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1024):
        yield content[start : start + 1024]
        await anyio.sleep(seconds)


@cache
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)  # gzip
    packed = [packer.compress(bytes(min(1 << 20, size - start))) for start in range(0, size, 1 << 20)]
    return b"".join([*packed, packer.flush()])


async def content_of(response: Response) -> bytes:
    """Return the whole body, also of a streaming response."""
    stream: AsyncIterator[bytes | str | memoryview] | None = getattr(response, "body_iterator", None)
    if stream is None:
        return bytes(response.body)
    parts = [part.encode() if isinstance(part, str) else bytes(part) async for part in stream]
    return b"".join(parts)
