"""Fetches untrusted URLs safely, protected against server-side request forgery (SSRF).

The HTTP layer is httpcore2 on top of our own network backend (`pinned_network.py`). It has no proxies, no cookies, no
content decoding (`content_encoding.py` does that, within bounds) and no automatic redirects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import httpcore2
import httpx2

from voxport.errors import AudioUrlUnusable, TooLarge
from voxport.fetch.content_encoding import decoder_for
from voxport.fetch.pinned_network import Deadline, PinnedNetworkBackend
from voxport.fetch.policy import FetchPolicy, NetworkFailedError, RefusedError, port_of, validate_url
from voxport.retry import retry

__all__ = ["FetchPolicy", "FetchResult", "PostResult", "fetch", "post", "precheck_url"]

MAX_REDIRECTS = 20
"""The browsers' limit. A podcast URL passes seven to twelve counters. Each target is checked like the first URL."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = (
    ("User-Agent", "voxport"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)

_log = logging.getLogger("voxport.fetch.client")


@dataclass(frozen=True)
class FetchResult:
    content_type: str | None
    """The Content-Type header as sent, with parameters."""

    size: int
    """Bytes written."""


@dataclass(frozen=True)
class PostResult:
    """The server's response to a POST."""

    status: int
    retry_after: str | None
    """The Retry-After header as sent."""


def precheck_url(url: str, policy: FetchPolicy) -> None:
    """Checks a URL without the network: scheme, user information, literal address, local name, port, length, control
    characters. Raises AudioUrlUnusable."""
    with _uniform_refusal():
        validate_url(url, policy)


def fetch(
    url: str,
    into: BinaryIO,
    policy: FetchPolicy,
    *,
    check_cancelled: Callable[[], None] = lambda: None,
    retry_delays: Sequence[float] = (),
) -> FetchResult:
    """Writes the body of `url` to `into`, decompressed if needed. Raises AudioUrlUnusable, TooLarge above the policy's
    `max_bytes`, SampleUnusable for an unsupported compression; `into` may then hold a part. The reason of a refusal
    goes only to the log.

    `check_cancelled` is called about once a second and may end the fetch by raising. `retry_delays` are the seconds
    before each retry after a failure of the network or the server; the policy's timeout covers all attempts."""
    with _uniform_refusal():
        deadline = Deadline(policy.timeout_seconds, check_cancelled)

        def sleep(delay: float, error: NetworkFailedError) -> None:
            _log.info("audioUrl is tried again: %s", error)
            deadline.sleep(delay)
            into.seek(0)
            into.truncate()

        return retry(lambda: _follow(url, into, policy, deadline), retry_delays, on=NetworkFailedError, sleep=sleep)


def post(url: str, body: bytes, headers: Mapping[str, str], policy: FetchPolicy) -> PostResult:
    """POSTs `body` with the same guarantees. Does not follow redirects or read the response body. Raises RefusedError
    if no response came; its reason is for the log."""
    target, deadline = validate_url(url, policy), Deadline(policy.timeout_seconds)
    with _open_response(
        "POST", target, policy, deadline, {**headers, "Content-Length": str(len(body))}, body
    ) as response:
        return PostResult(response.status, _header(response, b"retry-after"))


def _follow(url: str, into: BinaryIO, policy: FetchPolicy, deadline: Deadline) -> FetchResult:
    for _ in range(1 + MAX_REDIRECTS):
        target = validate_url(url, policy)
        with _open_response("GET", target, policy, deadline) as response:
            if response.status not in _REDIRECTS:
                return _receive(response, into, policy)
            url = _next_url(target, response)
    raise RefusedError(f"more than {MAX_REDIRECTS} redirects")


@contextmanager
def _open_response(
    method: str,
    url: httpx2.URL,
    policy: FetchPolicy,
    deadline: Deadline,
    more_headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Iterator[httpcore2.Response]:
    """Opens a response without reading its body. Each request has its own pool, so no connection is reused."""
    origin = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=port_of(url), target=url.raw_path or b"/")
    headers: list[tuple[bytes | str, bytes | str]] = [(b"Host", url.netloc), *_HEADERS, *(more_headers or {}).items()]
    with ExitStack() as stack:
        with _network_failures(url.host):
            pool = stack.enter_context(
                httpcore2.ConnectionPool(
                    ssl_context=policy.ssl_context, network_backend=PinnedNetworkBackend(policy, deadline)
                )
            )
            response = stack.enter_context(pool.stream(method, origin, headers=headers, content=body))
        yield response


def _next_url(url: httpx2.URL, response: httpcore2.Response) -> str:
    location = _location(response)
    if not location:
        raise RefusedError(f"{url.host}: a redirect to nowhere")
    try:
        joined = url.join(location)
    except (httpx2.InvalidURL, ValueError) as exc:
        raise RefusedError(f"{url.host}: a redirect that can't be parsed") from exc
    if url.scheme == "https" and joined.scheme == "http":
        raise RefusedError(f"{url.host}: a redirect from https to http")
    return str(joined)


def _location(response: httpcore2.Response) -> str:
    """Returns the redirect's target, or "" if there is none. Many servers send raw UTF-8. Bytes in another encoding are
    percent-encoded one by one, as browsers do, so that the server gets back the bytes it sent."""
    raw = next((value for key, value in response.headers if key.lower() == b"location"), b"").strip()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


def _receive(response: httpcore2.Response, into: BinaryIO, policy: FetchPolicy) -> FetchResult:
    if response.status != 200:
        is_passing = response.status == 429 or response.status >= 500
        raise (NetworkFailedError if is_passing else RefusedError)(f"the server answered {response.status}")
    announced = _header(response, b"content-length") or ""
    if announced.isdecimal() and int(announced) > policy.max_bytes:
        raise _too_large(policy)
    size = 0
    chunks = response.iter_stream()
    decoder = decoder_for(_header(response, b"content-encoding"))
    while True:
        # Map only network failures: errors of our own, such as a full disk, propagate unchanged.
        with _network_failures("the body"):
            chunk = next(chunks, None)
        for data in decoder.flush() if chunk is None else decoder.decode(chunk):
            size += len(data)
            if size > policy.max_bytes:
                raise _too_large(policy)
            into.write(data)
        if chunk is None:
            return FetchResult(content_type=_header(response, b"content-type"), size=size)


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _too_large(policy: FetchPolicy) -> TooLarge:
    limit = policy.max_bytes / 1_000_000
    return TooLarge(
        f"The file behind audioUrl is larger than {limit:g} MB. Give a shorter recording: 60 seconds are enough.",
        details={"max_bytes": policy.max_bytes},
    )


@contextmanager
def _network_failures(where: str) -> Iterator[None]:
    """Converts all kinds of network failures to NetworkFailedError."""
    try:
        yield
    except (
        OSError,  # includes name resolution, TLS and timeouts
        UnicodeError,  # a name that the resolver can't encode
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.TimeoutException,
        httpcore2.UnsupportedProtocol,
    ) as exc:
        raise NetworkFailedError(f"{where}: {type(exc).__name__}: {exc}") from exc
    except RefusedError as exc:
        raise RefusedError(f"{where}: {exc}") from exc


@contextmanager
def _uniform_refusal() -> Iterator[None]:
    """Converts RefusedError to AudioUrlUnusable with one fixed message. The reason goes to the log."""
    try:
        yield
    except RefusedError as exc:
        _log.info("audioUrl refused: %s", exc)
        raise AudioUrlUnusable from None
