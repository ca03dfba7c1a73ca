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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpcore2
import httpx2

from voxport.providers.bounded_network import bounded_pool, read_deadline
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
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
    httpcore2.UnsupportedProtocol,
    httpcore2.LocalProtocolError,
)
_LOST_ERRORS: Final = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)
RawHeaders = list[tuple[bytes, bytes]]
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
    is_complete: bool = False
    """Whether all of the body has come, as far as its length is known: then `chunks` waits no more."""

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


@dataclass
class Arrival:
    """Tells whether a response that another function reads has come whole."""

    response: StreamedResponse | None = None

    def is_complete(self) -> bool:
        return self.response is not None and self.response.is_complete


class Upstream:
    """An HTTP client for one provider. `headers` contain the key, which appears in no exception or log message.
    `read_timeout` is the time between two pieces of a response. The whole takes ten minutes at most."""

    def __init__(self, base_url: str, headers: Mapping[str, str], *, read_timeout: float) -> None:
        self.breaker = Breaker()
        self._base_url = base_url.rstrip("/")
        self._urls: dict[tuple[Any, ...], httpcore2.URL] = {}
        address = httpx2.URL(base_url)
        self._host = address.host
        # httpx2's client takes as long as all that is below it, and nothing of what it adds is used here.
        self._pool = bounded_pool(max_connections=_MAX_CONNECTIONS, keepalive_seconds=_KEEPALIVE_SECONDS)
        own = {"Host": address.netloc.decode(), "Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "voxport"}
        self._headers = httpx2.Headers({**own, **headers}).raw
        self._timeouts = _timeouts(read_timeout)

    def send(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """Send a request and return its whole response. `request` is its `params` and one of `json`, or `data` and
        `files`, as httpx2 takes them. Raises RequestNotSent, ResponseLost."""
        with self.stream(method, path, **request) as streamed:
            return streamed.read()

    def send_with_retries(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """Send a free request that can be repeated, and retry it if no response comes or the status is 5xx. The breaker
        is not involved: a response to a free request does not show that paid work succeeds."""
        timeouts = _timeouts(_FREE_READ_SECONDS)
        deadline = time.monotonic() + _FREE_TOTAL_SECONDS
        for pause in (*_RETRY_PAUSES[: _MAX_ATTEMPTS - 1], None):
            try:
                with self._send(method, path, _FREE_TOTAL_SECONDS, timeouts, **request) as streamed:
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
        self,
        method: str,
        path: str,
        total_seconds: float | None = None,
        timeouts: Mapping[str, float] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        **content: Any,
    ) -> Iterator[StreamedResponse]:
        total_seconds = _TOTAL_SECONDS if total_seconds is None else total_seconds
        with (
            observed_http(self._host, method) as (span, trace_headers),
            _translate_errors(),
            read_deadline(_WRITE_SECONDS + total_seconds),
        ):
            headers, body = _encoded(method, **content)
            request = httpcore2.Request(
                method,
                self._url(path, params),
                headers=[*self._headers, *headers, *trace_headers],
                content=body,
                extensions={"timeout": timeouts or self._timeouts},
            )
            with contextlib.closing(self._pool.handle_request(request)) as response:
                span.set("http.response.status_code", response.status)
                streamed = StreamedResponse(response.status, _by_name(response.headers), iter(()))
                streamed.chunks = _read_body(streamed, response.iter_stream(), total_seconds)
                yield streamed

    def close(self) -> None:
        self._pool.close()

    def _url(self, path: str, params: Mapping[str, Any] | None) -> httpcore2.URL:
        """Return the whole URL of a path under the base URL. To build one takes 0.2 ms, and few are used."""
        key = (path, *(params or {}).items())
        url = self._urls.get(key)
        if url is None:
            if len(self._urls) >= _MAX_KEPT_URLS:
                self._urls.clear()
            whole = httpx2.URL(self._base_url + path, params=params)
            url = self._urls[key] = httpcore2.URL(
                scheme=whole.raw_scheme, host=whole.raw_host, port=whole.port, target=whole.raw_path
            )
        return url


def _by_name(headers: RawHeaders) -> Mapping[str, str]:
    """Return the headers by their names in lower case; the last one of several of the same name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _timeouts(read_seconds: float) -> Mapping[str, float]:
    return {"connect": _CONNECT_SECONDS, "read": read_seconds, "write": _WRITE_SECONDS, "pool": read_seconds}


def _encoded(method: str, **content: Any) -> tuple[RawHeaders, Iterable[bytes]]:
    """Return the headers and the bytes of a request's body: `json`, or a form of `data` and `files`."""
    if "json" in content:
        body = json.dumps(content["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        return [(b"Content-Type", b"application/json"), (b"Content-Length", str(len(body)).encode())], [body]
    form = httpx2.Request(method, "http://form", **content)
    headers = [(name, value) for name, value in form.headers.raw if name.lower() != b"host"]
    assert isinstance(form.stream, Iterable)
    return headers, form.stream


def _read_body(streamed: StreamedResponse, content: Iterator[bytes], total_seconds: float) -> Iterator[bytes]:
    deadline, size, length = time.monotonic() + total_seconds, 0, streamed.headers.get("content-length", "")
    encoding = streamed.headers.get("content-encoding", "identity").strip().lower() or "identity"
    length = length if encoding == "identity" else ""
    with _translate_errors():
        for part in _decompress(content, encoding):
            size += len(part)
            if size > _MAX_BYTES or time.monotonic() > deadline:
                raise ResponseLost
            streamed.is_complete = str(size) == length
            yield part


def _decompress(content: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the body, decompressed in small steps if it is compressed although `identity` was requested: a few KiB may
    expand to a gigabyte. Raises ResponseLost."""
    if encoding == "identity":
        yield from content
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ResponseLost
    decompressor = zlib.decompressobj(wbits=47)  # gzip or zlib, detected from the header
    try:
        for packed in content:
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
    except _LOST_ERRORS:
        raise ResponseLost from None


def _strip_context(failure: Exception) -> None:
    """Remove the pool's exception from the context, because it may hold the request and with it the key."""
    failure.__context__ = None
    failure.__traceback__ = None
