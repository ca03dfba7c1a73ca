"""What goes wrong at a double, on demand: each fault is for the next requests that it fits, and then gone."""

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
    """`path` is the beginning of the request's path that it is for, `times` how many requests meet it, after
    `skip_first` ones that do not.

    - `delay_seconds`: seconds before the answer
    - `hang`: no answer for ten minutes
    - `until`: no answer before this is set, and for ten minutes at most
    - `dropped`: the connection is closed, and nothing is done
    - `status`, `body`, `headers`, `content_type`: this answer, and nothing is done
    - `drop_response`: the work is done, and the connection closed before the answer
    - `reset`: the connection is closed in the middle of the answer's body
    - `truncate`: the answer ends after this share of its body, as if it were whole
    - `chunk_error`: a stream's second event holds this code (MiniMax)
    - `replace`: the work is done, and this is the answer (a 200 with an error inside)
    - `noise`: so many seconds of noise in place of the speech (of 16 bits and 24 kHz)
    - `silence`: silence in place of the speech, as long as it
    - `extra_byte`: the speech with one byte more
    - `gzip_bomb_bytes`: the answer is gzip that nobody asked for, which unpacks to so many bytes of zeros
    - `drip_seconds`: seconds between two KiB of the answer
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
    """The faults that wait for their request."""

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
        """The first that fits, used once."""
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
    """An answer whose connection is closed before its end, or before its beginning (`share` 0)."""

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
            await anyio.sleep(0.05)  # so that the first part leaves before the end
        hang_up(scope)


def spoil_audio(audio: bytes, fault: Fault | None) -> bytes:
    """What a fault makes of speech (s16le)."""
    if fault is None:
        return audio
    if fault.noise:
        audio = random.Random(1).randbytes(round(fault.noise * SAMPLE_RATE) * 2)  # noqa: S311  # the same noise each time
    if fault.silence:
        audio = bytes(len(audio))
    return audio + b"\x01" if fault.extra_byte else audio


async def apply_before(fault: Fault | None) -> Response | None:
    """What a fault does before the work; an answer where the work is not to be done."""
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
    """What a fault makes of the answer."""
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
    """Wait for the event, for ten minutes at most."""
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
    """The whole body, also of a stream."""
    stream: AsyncIterator[bytes | str | memoryview] | None = getattr(response, "body_iterator", None)
    if stream is None:
        return bytes(response.body)
    parts = [part.encode() if isinstance(part, str) else bytes(part) async for part in stream]
    return b"".join(parts)
