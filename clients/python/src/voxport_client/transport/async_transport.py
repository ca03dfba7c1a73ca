"""Sends calls with an asyncio HTTP client. Files are read and written in threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx2

from voxport_client.models.media import UploadTarget
from voxport_client.transport.attempts import Attempts
from voxport_client.transport.blobs import BLOB_CHUNK_BYTES, after_put, get_call, put_call
from voxport_client.transport.calls import Call
from voxport_client.transport.downloads import Sink
from voxport_client.transport.options import ClientOptions, timeouts
from voxport_client.transport.responses import MAX_BODY_BYTES, require_bounded, with_body
from voxport_client.transport.sync_transport import naming_key
from voxport_client.transport.uploads import CHUNK_BYTES, UploadProgress, UploadSource

T = TypeVar("T")


class AsyncTransport:
    def __init__(
        self,
        options: ClientOptions,
        http: httpx2.AsyncClient,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.options = options
        self.http = http
        self.sleep = sleep

    def attempts(self, call: Call[Any]) -> Attempts:
        return Attempts(call, self.options.policy)

    async def send(self, call: Call[T]) -> T:
        """Send a call until it is answered, and parse the response. Raises VoxportError."""
        with naming_key(call):
            return call.parse(await self._answer(call, is_stream=False))

    async def open(self, call: Call[Any]) -> httpx2.Response:
        """Send a call until it is answered, and return the response with its body unread. Raises VoxportError."""
        with naming_key(call):
            return await self._answer(call, is_stream=True)

    @contextlib.asynccontextmanager
    async def open_once(self, call: Call[Any], *, read_timeout: float) -> AsyncIterator[httpx2.Response]:
        """Send a call once, with a limit in seconds on each wait for bytes. Raises StatusError, httpx2.RequestError."""
        request = self._request(call, timeout=timeouts(read_timeout))
        response = await self.http.send(request, stream=True, follow_redirects=False)
        try:
            if not response.is_success:
                response = await aread_whole(response, call.max_bytes)
                Attempts(call, self.options.policy.without_retries()).after_response(response)
            yield response
        finally:
            await response.aclose()

    async def upload(self, target: UploadTarget, source: UploadSource, on_progress: UploadProgress | None) -> None:
        call = put_call(target, source)
        attempts = self.attempts(call)
        while True:
            try:
                request = self.http.build_request(
                    "PUT",
                    target.upload_url,
                    content=_in_threads(source, on_progress),
                    headers=call.headers,
                    timeout=self.options.timeouts,
                )
                response = await self.http.send(request, stream=True, auth=None, follow_redirects=False)
                response = await aread_whole(response, call.max_bytes)
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            else:
                found = after_put(attempts, response)
                if found is None:
                    return
                pause = found
            await self.sleep(pause)

    async def download(self, url: str, sink: Sink) -> None:
        """Write what is behind a signed URL to `sink`. Raises VoxportError."""
        attempts = self.attempts(get_call(url))
        while True:
            try:
                request = self.http.build_request("GET", url, timeout=self.options.timeouts)
                response = await self.http.send(request, stream=True, auth=None, follow_redirects=True)
                async with contextlib.aclosing(response):
                    if response.is_success:
                        async for chunk in response.aiter_bytes(BLOB_CHUNK_BYTES):
                            await asyncio.to_thread(sink.write, chunk)
                        return
                    response = await aread_whole(response, MAX_BODY_BYTES)
                pause = attempts.after_response(response)
                assert pause is not None
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            await asyncio.to_thread(sink.clear)
            await self.sleep(pause)

    async def _answer(self, call: Call[Any], *, is_stream: bool) -> httpx2.Response:
        attempts = self.attempts(call)
        while True:
            try:
                request = self._request(call, timeout=self.options.timeouts)
                response = await self.http.send(request, stream=True, follow_redirects=False)
                if not is_stream or not response.is_success:
                    response = await aread_whole(response, call.max_bytes)
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            else:
                found = attempts.after_response(response)
                if found is None:
                    return response
                pause = found
            await self.sleep(pause)

    def _request(self, call: Call[Any], *, timeout: httpx2.Timeout) -> httpx2.Request:
        return self.http.build_request(**call.request(self.options.base_url, self.options.headers), timeout=timeout)


async def aread_whole(response: httpx2.Response, max_bytes: int) -> httpx2.Response:
    """As `responses.read_whole`."""
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            require_bounded(response, len(body), max_bytes)
    finally:
        await response.aclose()
    return with_body(response, body)


async def _in_threads(source: UploadSource, on_progress: UploadProgress | None) -> AsyncIterator[bytes]:
    """Yield the bytes as `UploadSource.chunks` does, and read each chunk in a thread."""
    done = 0
    with source.opener() as file:
        while True:
            if on_progress is not None:
                on_progress(done, source.size)
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, source.size - done))
            if source.is_end(chunk, done):
                return
            yield chunk
            done += len(chunk)
