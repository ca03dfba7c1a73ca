"""HTTP to a provider: one client with a timeout for each phase, which classifies failures.

Failures differ in whether the provider may have done, and billed, the work: after `RequestNotSent` it can't have, after
`ResponseLost` it may have. The client follows no redirects, ignores proxies from the environment, and limits the size
of a response.
"""

from __future__ import annotations

import contextlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from voxport.providers.bounded_network import bounded_transport, read_deadline
from voxport.providers.breaker import Breaker
from voxport.providers.observed import observed_http

_CONNECT_SECONDS: Final = 5.0
_WRITE_SECONDS: Final = 30.0
_FREE_READ_SECONDS: Final = 15.0
"""For the response to a free request."""
_MAX_CONNECTIONS: Final = 128
_KEEPALIVE_SECONDS: Final = 4.0
"""Less than the five seconds after which many servers close an idle connection. A request on a connection that was just
closed gets no response, and its outcome is unknown."""
_MAX_BYTES: Final = 128 * 1024 * 1024
"""Limit of a streamed response, decompressed."""
_MAX_WHOLE_BYTES: Final = 8 * 1024 * 1024
"""Limit of a response that is read as a whole. The longest is a list of voices."""
_DECOMPRESS_BYTES: Final = 64 * 1024
"""Decompressed bytes of a compressed response that are in memory at once."""
_TOTAL_SECONDS: Final = 600.0
"""For a response, from its head to its end."""
_FREE_TOTAL_SECONDS: Final = 30.0
"""Likewise, for a free request. It is not retried after this time either."""
_MAX_KEPT_URLS: Final = 1_000
_NOT_SENT_ERRORS: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
_MAX_ATTEMPTS: Final = 3
_RETRY_PAUSES: Final = (0.2, 0.8)  # seconds between the attempts of a free request


class RequestNotSent(Exception):
    """The request did not reach the provider."""


class ResponseLost(Exception):
    """The request was sent, and no complete response arrived."""


@dataclass(frozen=True)
class UpstreamResponse:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip() == "application/json"

    def json(self) -> Any:
        """Return the parsed body; None if it is not JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


@dataclass
class StreamedResponse:
    """A response whose body is streamed. `chunks` raises ResponseLost if it breaks off. The reader sets `is_failure` if
    the body says that the provider is down, whatever the status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: Iterator[bytes] = field(repr=False)
    is_failure: bool = False

    def read(self, max_bytes: int = _MAX_WHOLE_BYTES) -> UpstreamResponse:
        """Read the whole response. Raises ResponseLost if it is longer than `max_bytes`."""
        content = bytearray()
        for part in self.chunks:
            content += part
            if len(content) > max_bytes:
                raise ResponseLost
        return UpstreamResponse(self.status, self.headers, bytes(content))

    def without_body(self) -> UpstreamResponse:
        return UpstreamResponse(self.status, self.headers, b"")


class Upstream:
    """An HTTP client for one provider. `headers` contain the key, which appears in no exception or log message.
    `read_timeout` is the time between two pieces of a response. The whole takes ten minutes at most."""

    def __init__(self, base_url: str, headers: Mapping[str, str], *, read_timeout: float) -> None:
        self.breaker = Breaker()
        self._urls: dict[tuple[Any, ...], httpx2.URL] = {}
        self._host = urlsplit(base_url).hostname or ""
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
        """Send a request and return its whole response. `request` is httpx2's `json`, `params`, `data`, `files`. Raises
        RequestNotSent, ResponseLost."""
        with self.stream(method, path, **request) as streamed:
            return streamed.read()

    def send_with_retries(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """Send a free request that can be repeated, and retry it if no response comes or the status is 5xx. The breaker
        is not involved: a response to a free request does not show that paid work succeeds."""
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
        """Send a request and stream its response. Raises RequestNotSent, ResponseLost."""
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
            observed_http(self._host, method, request) as (span, sent),
            _translate_errors(),
            read_deadline(_WRITE_SECONDS + total_seconds),
            self._client.stream(method, self._url(path, sent.pop("params", None)), **sent) as response,
        ):
            span.set("http.response.status_code", response.status_code)
            yield StreamedResponse(response.status_code, response.headers, self._read_body(response, total_seconds))

    def close(self) -> None:
        self._client.close()

    def _url(self, path: str, params: Mapping[str, Any] | None) -> httpx2.URL:
        """Return the whole URL of a path under the base URL. httpx2 takes 0.2 ms to build one, and few are used."""
        key = (path, *(params or {}).items())
        url = self._urls.get(key)
        if url is None:
            if len(self._urls) >= _MAX_KEPT_URLS:
                self._urls.clear()
            url = self._urls[key] = self._client.build_request("GET", path, params=params).url
        return url

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
    """Yield the body, decompressed in small steps if it is compressed although `identity` was requested. httpx2 would
    decompress each chunk at once, and a few KiB may expand to a gigabyte. Raises ResponseLost."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from response.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ResponseLost
    decompressor = zlib.decompressobj(wbits=47)  # gzip or zlib, detected from the header
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
    """Remove httpx2's exception from the context, because it holds the request and with it the key."""
    failure.__context__ = None
    failure.__traceback__ = None
