"""Sends calls with a blocking HTTP client."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx2

from voxport_client.models.media import UploadTarget
from voxport_client.transport.attempts import Attempts, name_key
from voxport_client.transport.blobs import BLOB_CHUNK_BYTES, after_put, get_call, put_call
from voxport_client.transport.calls import Call
from voxport_client.transport.downloads import Sink
from voxport_client.transport.options import ClientOptions, timeouts
from voxport_client.transport.responses import MAX_BODY_BYTES, read_whole
from voxport_client.transport.uploads import UploadProgress, UploadSource

T = TypeVar("T")


class Transport:
    def __init__(
        self, options: ClientOptions, http: httpx2.Client, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.options = options
        self.http = http
        self.sleep = sleep

    def attempts(self, call: Call[Any]) -> Attempts:
        return Attempts(call, self.options.policy)

    def send(self, call: Call[T]) -> T:
        """Send a call until it is answered, and parse the response. Raises VoxportError."""
        with naming_key(call):
            return call.parse(self._answer(call, is_stream=False))

    def open(self, call: Call[Any]) -> httpx2.Response:
        """Send a call until it is answered, and return the response with its body unread. Raises VoxportError."""
        with naming_key(call):
            return self._answer(call, is_stream=True)

    @contextlib.contextmanager
    def open_once(self, call: Call[Any], *, read_timeout: float) -> Iterator[httpx2.Response]:
        """Send a call once, with a limit in seconds on each wait for bytes. Raises StatusError, httpx2.RequestError."""
        request = self._request(call, timeout=timeouts(read_timeout))
        response = self.http.send(request, stream=True, follow_redirects=False)
        try:
            if not response.is_success:
                response = read_whole(response, call.max_bytes)
                Attempts(call, self.options.policy.without_retries()).after_response(response)
            yield response
        finally:
            response.close()

    def upload(self, target: UploadTarget, source: UploadSource, on_progress: UploadProgress | None) -> None:
        call = put_call(target, source)
        attempts = self.attempts(call)
        while True:
            try:
                request = self.http.build_request(
                    "PUT",
                    target.upload_url,
                    content=source.chunks(on_progress),
                    headers=call.headers,
                    timeout=self.options.timeouts,
                )
                response = self.http.send(request, stream=True, auth=None, follow_redirects=False)
                response = read_whole(response, call.max_bytes)
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            else:
                found = after_put(attempts, response)
                if found is None:
                    return
                pause = found
            self.sleep(pause)

    def download(self, url: str, sink: Sink) -> None:
        """Write what is behind a signed URL to `sink`. Raises VoxportError."""
        attempts = self.attempts(get_call(url))
        while True:
            try:
                request = self.http.build_request("GET", url, timeout=self.options.timeouts)
                response = self.http.send(request, stream=True, auth=None, follow_redirects=True)
                with contextlib.closing(response):
                    if response.is_success:
                        for chunk in response.iter_bytes(BLOB_CHUNK_BYTES):
                            sink.write(chunk)
                        return
                    response = read_whole(response, MAX_BODY_BYTES)
                pause = attempts.after_response(response)
                assert pause is not None
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            sink.clear()
            self.sleep(pause)

    def _answer(self, call: Call[Any], *, is_stream: bool) -> httpx2.Response:
        attempts = self.attempts(call)
        while True:
            try:
                request = self._request(call, timeout=self.options.timeouts)
                response = self.http.send(request, stream=True, follow_redirects=False)
                if not is_stream or not response.is_success:
                    response = read_whole(response, call.max_bytes)
            except httpx2.RequestError as error:
                pause = attempts.after_error(error)
            else:
                found = attempts.after_response(response)
                if found is None:
                    return response
                pause = found
            self.sleep(pause)

    def _request(self, call: Call[Any], *, timeout: httpx2.Timeout) -> httpx2.Request:
        return self.http.build_request(**call.request(self.options.base_url, self.options.headers), timeout=timeout)


@contextlib.contextmanager
def naming_key(call: Call[Any]) -> Iterator[None]:
    """Show the Idempotency-Key of a billed call on every exception that leaves the block."""
    try:
        yield
    except BaseException as error:
        name_key(error, call)
        raise
