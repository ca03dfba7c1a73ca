"""HTTP to a provider: one client with time-outs for each phase, and what became of a request that failed.

What matters of a failure is whether the provider can have done, and billed, the work: `RequestNotSent` it can't,
`ResponseLost` it can. No redirect is followed, no proxy of the environment used, and an answer is read up to a limit.
"""

from __future__ import annotations

import contextlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from voxport.providers.bounded_network import bounded_transport, read_deadline
from voxport.providers.breaker import Breaker

_CONNECT_SECONDS: Final = 5.0
_WRITE_SECONDS: Final = 30.0
_FREE_READ_SECONDS: Final = 15.0
"""For the answer to a question that costs nothing."""
_MAX_CONNECTIONS: Final = 128
_KEEPALIVE_SECONDS: Final = 4.0
"""Under the five seconds after which many servers close an idle connection: a request on one that was just closed
ends without an answer, and nobody knows whether it was read."""
_MAX_BYTES: Final = 128 * 1024 * 1024
"""Of an answer that is read piece by piece, unpacked."""
_MAX_WHOLE_BYTES: Final = 8 * 1024 * 1024
"""Of one that is read as a whole: the longest is a list of voices."""
_DECOMPRESS_BYTES: Final = 64 * 1024
"""Of a packed answer that are in memory at once."""
_TOTAL_SECONDS: Final = 600.0
"""For an answer, from its head to its end."""
_FREE_TOTAL_SECONDS: Final = 30.0
"""Likewise, of a question that costs nothing; after so long without an answer it is not asked again."""
_NOT_SENT_ERRORS: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
_MAX_ATTEMPTS: Final = 3
_RETRY_PAUSES: Final = (0.2, 0.8)  # seconds between the tries of a question that costs nothing


class RequestNotSent(Exception):
    """The request did not reach the provider."""


class ResponseLost(Exception):
    """The request was sent, and no whole answer came."""


@dataclass(frozen=True)
class UpstreamResponse:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip() == "application/json"

    def json(self) -> Any:
        """What it says; None where it is no JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


@dataclass
class StreamedResponse:
    """An answer whose body comes piece by piece. `chunks` raises ResponseLost where it breaks off. Who reads it sets
    `is_failure` where it says that the provider is down, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: Iterator[bytes] = field(repr=False)
    is_failure: bool = False

    def read(self, max_bytes: int = _MAX_WHOLE_BYTES) -> UpstreamResponse:
        """The whole answer. Raises ResponseLost for a longer one."""
        content = bytearray()
        for part in self.chunks:
            content += part
            if len(content) > max_bytes:
                raise ResponseLost
        return UpstreamResponse(self.status, self.headers, bytes(content))

    def without_body(self) -> UpstreamResponse:
        return UpstreamResponse(self.status, self.headers, b"")


class Upstream:
    """`headers` carry the key; it is in nothing that is raised or logged here. `read_timeout` is the time between two
    pieces of an answer; the whole takes ten minutes at most."""

    def __init__(self, base_url: str, headers: Mapping[str, str], *, read_timeout: float) -> None:
        self.breaker = Breaker()
        self._client = httpx2.Client(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", "User-Agent": "voxport", **headers},
            timeout=httpx2.Timeout(read_timeout, connect=_CONNECT_SECONDS, write=_WRITE_SECONDS),
            transport=bounded_transport(
                httpx2.Limits(
                    max_connections=_MAX_CONNECTIONS,
                    max_keepalive_connections=_MAX_CONNECTIONS,
                    keepalive_expiry=_KEEPALIVE_SECONDS,
                )
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def send(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """One request, its whole answer. `request` is httpx2's `json`, `params`, `data`, `files`. Raises
        RequestNotSent, ResponseLost."""
        with self.stream(method, path, **request) as streamed:
            return streamed.read()

    def send_with_retries(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """A request that costs nothing and can be repeated: it is, where no answer comes or the provider is down. The
        breaker has no part in it: that such a question is answered does not say that the work is done."""
        timeout = httpx2.Timeout(_FREE_READ_SECONDS, connect=_CONNECT_SECONDS)
        deadline = time.monotonic() + _FREE_TOTAL_SECONDS
        for pause in (*_RETRY_PAUSES[: _MAX_ATTEMPTS - 1], None):
            try:
                with self._send(method, path, _FREE_TOTAL_SECONDS, timeout=timeout, **request) as streamed:
                    answer = streamed.read()
            except (RequestNotSent, ResponseLost) as failure:
                _strip_context(failure)
                if pause is None or time.monotonic() > deadline:
                    raise
            else:
                if answer.status < 500 or pause is None:
                    return answer
            time.sleep(pause)
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[StreamedResponse]:
        """One request, its answer as it comes. Raises RequestNotSent, ResponseLost."""
        permit = self.breaker.acquire()
        if permit is None:
            raise RequestNotSent
        report = self.breaker.release
        try:
            with self._send(method, path, **request) as streamed:
                report = self.breaker.record_failure if streamed.status >= 500 else self.breaker.record_success
                yield streamed
                if streamed.is_failure:
                    report = self.breaker.record_failure
        except (RequestNotSent, ResponseLost) as failure:
            _strip_context(failure)
            report = self.breaker.record_failure
            raise
        finally:
            report(permit)

    @contextlib.contextmanager
    def _send(
        self, method: str, path: str, total_seconds: float | None = None, **request: Any
    ) -> Iterator[StreamedResponse]:
        total_seconds = _TOTAL_SECONDS if total_seconds is None else total_seconds
        with (
            _translate_errors(),
            read_deadline(_WRITE_SECONDS + total_seconds),
            self._client.stream(method, path, **request) as response,
        ):
            yield StreamedResponse(response.status_code, response.headers, self._read_body(response, total_seconds))

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _read_body(response: httpx2.Response, total_seconds: float) -> Iterator[bytes]:
        size, deadline = 0, time.monotonic() + total_seconds
        with _translate_errors():
            for part in _decompress(response):
                size += len(part)
                if size > _MAX_BYTES or time.monotonic() > deadline:
                    raise ResponseLost
                yield part


def _decompress(response: httpx2.Response) -> Iterator[bytes]:
    """The body, unpacked in small steps where it is packed although `identity` was asked for: httpx2 unpacks what came
    at once, and a few KiB may hold a gigabyte. Raises ResponseLost."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from response.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ResponseLost
    decompressor = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever its head says
    try:
        for packed in response.iter_raw():
            part = decompressor.decompress(packed, _DECOMPRESS_BYTES)
            while part:
                yield part
                part = decompressor.decompress(decompressor.unconsumed_tail, _DECOMPRESS_BYTES)
    except zlib.error:
        raise ResponseLost from None
    if not decompressor.eof:
        raise ResponseLost


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except _NOT_SENT_ERRORS:
        raise RequestNotSent from None
    except (httpx2.TransportError, httpx2.DecodingError):
        raise ResponseLost from None


def _strip_context(failure: Exception) -> None:
    """Without httpx2's own exception behind it, which holds the request and with it the key."""
    failure.__context__ = None
    failure.__traceback__ = None
