"""HTTP to a provider: one client with time-outs for each phase, and what became of a request that failed.

What matters of a failure is whether the provider can have done, and billed, the work: `NotSent` it can't, `AnswerLost`
it can. No redirect is followed, no proxy of the environment used, and an answer is read up to a limit.
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

from voxport.providers.bounded_network import bounded_transport, reads_within
from voxport.providers.breaker import Breaker

_CONNECT_SECONDS: Final = 5.0
_WRITE_SECONDS: Final = 30.0
_FREE_SECONDS: Final = 15.0
"""For the answer to a question that costs nothing."""
_CONNECTIONS: Final = 128
_KEPT_SECONDS: Final = 4.0
"""Under the five seconds after which many servers close an idle connection: a request on one that was just closed
ends without an answer, and nobody knows whether it was read."""
_MAX_BYTES: Final = 128 * 1024 * 1024
"""Of an answer that is read piece by piece, unpacked."""
_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Of one that is read as a whole: the longest is a list of voices."""
_UNPACKED_BYTES: Final = 64 * 1024
"""Of a packed answer that are in memory at once."""
_WHOLE_SECONDS: Final = 600.0
"""For an answer, from its head to its end."""
_FREE_WHOLE_SECONDS: Final = 30.0
"""Likewise, of a question that costs nothing; after so long without an answer it is not asked again."""
_NOTHING_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
_TRIES: Final = 3
_PAUSES: Final = (0.2, 0.8)  # seconds between the tries of a question that costs nothing


class NotSent(Exception):
    """The request did not reach the provider."""


class AnswerLost(Exception):
    """The request was sent, and no whole answer came."""


@dataclass(frozen=True)
class Answer:
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
class Streamed:
    """An answer whose body comes piece by piece. `parts` raises AnswerLost where it breaks off. Who reads it sets
    `is_failure` where it says that the provider is down, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    parts: Iterator[bytes] = field(repr=False)
    is_failure: bool = False

    def read(self, max_bytes: int = _MAX_ANSWER_BYTES) -> Answer:
        """The whole answer. Raises AnswerLost for a longer one."""
        content = bytearray()
        for part in self.parts:
            content += part
            if len(content) > max_bytes:
                raise AnswerLost
        return Answer(self.status, self.headers, bytes(content))

    def without_body(self) -> Answer:
        return Answer(self.status, self.headers, b"")


class Upstream:
    """`headers` carry the key; it is in nothing that is raised or logged here. `read_seconds` is the time between two
    pieces of an answer; the whole takes ten minutes at most."""

    def __init__(self, base_url: str, headers: Mapping[str, str], *, read_seconds: float) -> None:
        self.breaker = Breaker()
        self._client = httpx2.Client(
            base_url=base_url,
            headers={"Accept-Encoding": "identity", "User-Agent": "voxport", **headers},
            timeout=httpx2.Timeout(read_seconds, connect=_CONNECT_SECONDS, write=_WRITE_SECONDS),
            transport=bounded_transport(
                httpx2.Limits(
                    max_connections=_CONNECTIONS,
                    max_keepalive_connections=_CONNECTIONS,
                    keepalive_expiry=_KEPT_SECONDS,
                )
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def ask(self, method: str, path: str, **request: Any) -> Answer:
        """One request, its whole answer. `request` is httpx2's `json`, `params`, `data`, `files`. Raises NotSent,
        AnswerLost."""
        with self.stream(method, path, **request) as streamed:
            return streamed.read()

    def ask_again(self, method: str, path: str, **request: Any) -> Answer:
        """A request that costs nothing and can be repeated: it is, where no answer comes or the provider is down. The
        breaker has no part in it: that such a question is answered does not say that the work is done."""
        timeout = httpx2.Timeout(_FREE_SECONDS, connect=_CONNECT_SECONDS)
        until = time.monotonic() + _FREE_WHOLE_SECONDS
        for pause in (*_PAUSES[: _TRIES - 1], None):
            try:
                with self._sent(method, path, _FREE_WHOLE_SECONDS, timeout=timeout, **request) as streamed:
                    answer = streamed.read()
            except (NotSent, AnswerLost) as failure:
                _bare(failure)
                if pause is None or time.monotonic() > until:
                    raise
            else:
                if answer.status < 500 or pause is None:
                    return answer
            time.sleep(pause)
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[Streamed]:
        """One request, its answer as it comes. Raises NotSent, AnswerLost."""
        ticket = self.breaker.begin()
        if ticket is None:
            raise NotSent
        say = self.breaker.undecided
        try:
            with self._sent(method, path, **request) as streamed:
                say = self.breaker.failed if streamed.status >= 500 else self.breaker.succeeded
                yield streamed
                if streamed.is_failure:
                    say = self.breaker.failed
        except (NotSent, AnswerLost) as failure:
            _bare(failure)
            say = self.breaker.failed
            raise
        finally:
            say(ticket)

    @contextlib.contextmanager
    def _sent(self, method: str, path: str, whole_seconds: float | None = None, **request: Any) -> Iterator[Streamed]:
        whole_seconds = _WHOLE_SECONDS if whole_seconds is None else whole_seconds
        with (
            _sorted_failures(),
            reads_within(_WRITE_SECONDS + whole_seconds),
            self._client.stream(method, path, **request) as response,
        ):
            yield Streamed(response.status_code, response.headers, self._parts(response, whole_seconds))

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _parts(response: httpx2.Response, whole_seconds: float) -> Iterator[bytes]:
        size, until = 0, time.monotonic() + whole_seconds
        with _sorted_failures():
            for part in _unpacked(response):
                size += len(part)
                if size > _MAX_BYTES or time.monotonic() > until:
                    raise AnswerLost
                yield part


def _unpacked(response: httpx2.Response) -> Iterator[bytes]:
    """The body, unpacked in small steps where it is packed although `identity` was asked for: httpx2 unpacks what came
    at once, and a few KiB may hold a gigabyte. Raises AnswerLost."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from response.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AnswerLost
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever its head says
    try:
        for packed in response.iter_raw():
            part = unpacker.decompress(packed, _UNPACKED_BYTES)
            while part:
                yield part
                part = unpacker.decompress(unpacker.unconsumed_tail, _UNPACKED_BYTES)
    except zlib.error:
        raise AnswerLost from None
    if not unpacker.eof:
        raise AnswerLost


@contextlib.contextmanager
def _sorted_failures() -> Iterator[None]:
    try:
        yield
    except _NOTHING_SENT:
        raise NotSent from None
    except (httpx2.TransportError, httpx2.DecodingError):
        raise AnswerLost from None


def _bare(failure: Exception) -> None:
    """Without httpx2's own exception behind it, which holds the request and with it the key."""
    failure.__context__ = None
    failure.__traceback__ = None
