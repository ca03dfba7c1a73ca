"""A stream of audio that is heard while it is made, and goes on after a lost connection where that is possible."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from voxport_client.errors import ConflictError, ConnectionFailedError, StreamBrokenError, VoxportError
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.attempts import Attempts, request_id_of
from voxport_client.transport.calls import Call
from voxport_client.transport.downloads import FileSink
from voxport_client.transport.responses import decimal_header, warnings_of
from voxport_client.transport.sync_transport import Transport


class StreamPosition:
    """How much of a stream the caller has. After a reconnection the same bytes come first, and are compared and left
    out; a voice that speaks otherwise the second time is never joined to the first."""

    def __init__(self) -> None:
        self.received = 0
        self._digest = hashlib.sha256()
        self._left_to_skip = 0
        self._check = hashlib.sha256()

    def restart(self) -> None:
        """Expect the stream from its beginning."""
        self._left_to_skip = self.received
        self._check = hashlib.sha256()

    def take(self, chunk: bytes) -> bytes | None:
        """Return the part of a chunk that the caller does not have; None if the stream is another than before."""
        if self._left_to_skip:
            known = chunk[: self._left_to_skip]
            self._check.update(known)
            self._left_to_skip -= len(known)
            chunk = chunk[len(known) :]
            if not self._left_to_skip and self._check.digest() != self._digest.digest():
                return None
        self._digest.update(chunk)
        self.received += len(chunk)
        return chunk

    @property
    def is_behind(self) -> bool:
        """Whether the stream has not come again as far as the caller has it."""
        return self._left_to_skip > 0


class _SpeechStream:
    def __init__(self, call: Call[None], response: httpx2.Response) -> None:
        self.request_id = request_id_of(response)
        self.idempotency_key = call.idempotency_key
        self.voice_id: str = response.headers.get("X-Used-Voice-Id", "")
        self.provider: str = response.headers.get("X-Provider", "")
        self.content_type: str = response.headers.get("Content-Type", "")
        self.language: str | None = response.headers.get("Content-Language")
        self.warnings = warnings_of(response)
        self.hold: Decimal = decimal_header(response, "X-Gateway-Hold")
        self._call = call
        self._response = response
        self._position = StreamPosition()

    @property
    def received_bytes(self) -> int:
        return self._position.received

    def __repr__(self) -> str:
        return f"{type(self).__name__}(voice_id={self.voice_id!r}, received_bytes={self.received_bytes})"

    def _pause(self, attempts: Attempts, error: httpx2.RequestError) -> float:
        """Return the seconds until the next try. Raises StreamBrokenError."""
        try:
            return attempts.after_error(error)
        except ConnectionFailedError as failed:
            raise self._broken(failed) from error

    def _broken(self, cause: VoxportError | None = None) -> StreamBrokenError:
        error = StreamBrokenError(
            f"The stream broke off after {self.received_bytes} bytes, and can't be resumed. What was made is charged: "
            "billing.request(request_id) says how much.",
            code=cause.code if cause is not None else None,
            request_id=self.request_id,
            details=cause.details if cause is not None else None,
            idempotency_key=self.idempotency_key,
        )
        error.received_bytes = self.received_bytes
        return error


class SpeechStream(_SpeechStream):
    """Audio as it is made: iterate over its chunks, once. `hold` is the most that it can cost, in tokens; what it cost
    is at `client.billing.request(stream.request_id)`. Closing it early pays for what was made."""

    def __init__(self, transport: Transport, call: Call[None], response: httpx2.Response) -> None:
        super().__init__(call, response)
        self._transport = transport
        self._chunks = self._iterate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the audio, or what is left of it. A lost connection is resumed if the gateway still has the whole
        audio. Raises StreamBrokenError."""
        return self._chunks

    def read(self) -> bytes:
        """Return the rest of the audio."""
        return b"".join(self)

    def save(self, path: str | Path) -> Path:
        """Write the rest of the audio to a file, which appears when it is complete. Returns its path."""
        with FileSink(path) as sink:
            for chunk in self:
                sink.write(chunk)
        return sink.path

    def close(self) -> None:
        self._chunks.close()
        self._response.close()

    def _reopen(self) -> None:
        try:
            self._response = self._transport.open(self._call)
        except ConflictError as error:
            raise self._broken(error) from error
        self._position.restart()

    def _iterate(self) -> Generator[bytes, None, None]:
        attempts = self._transport.attempts(self._call)
        while True:
            try:
                for chunk in self._response.iter_bytes():
                    fresh = self._position.take(chunk)
                    if fresh is None:
                        raise self._broken()
                    if fresh:
                        yield fresh
                if self._position.is_behind:
                    raise self._broken()
                return
            except httpx2.RequestError as error:
                pause = self._pause(attempts, error)
            finally:
                self._response.close()
            self._transport.sleep(pause)
            self._reopen()


class AsyncSpeechStream(_SpeechStream):
    """Audio as it is made: iterate over its chunks, once. `hold` is the most that it can cost, in tokens; what it cost
    is at `client.billing.request(stream.request_id)`. Closing it early pays for what was made."""

    def __init__(self, transport: AsyncTransport, call: Call[None], response: httpx2.Response) -> None:
        super().__init__(call, response)
        self._transport = transport
        self._chunks = self._iterate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the audio, or what is left of it. A lost connection is resumed if the gateway still has the whole
        audio. Raises StreamBrokenError."""
        return self._chunks

    async def read(self) -> bytes:
        """Return the rest of the audio."""
        return b"".join([chunk async for chunk in self])

    async def save(self, path: str | Path) -> Path:
        """Write the rest of the audio to a file, which appears when it is complete. Returns its path."""
        with FileSink(path) as sink:
            async for chunk in self:
                await asyncio.to_thread(sink.write, chunk)
        return sink.path

    async def close(self) -> None:
        await self._chunks.aclose()
        await self._response.aclose()

    async def _reopen(self) -> None:
        try:
            self._response = await self._transport.open(self._call)
        except ConflictError as error:
            raise self._broken(error) from error
        self._position.restart()

    async def _iterate(self) -> AsyncGenerator[bytes, None]:
        attempts = self._transport.attempts(self._call)
        while True:
            try:
                async for chunk in self._response.aiter_bytes():
                    fresh = self._position.take(chunk)
                    if fresh is None:
                        raise self._broken()
                    if fresh:
                        yield fresh
                if self._position.is_behind:
                    raise self._broken()
                return
            except httpx2.RequestError as error:
                pause = self._pause(attempts, error)
            finally:
                await self._response.aclose()
            await self._transport.sleep(pause)
            await self._reopen()
