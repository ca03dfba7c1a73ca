"""Decides after each try of a call whether it is sent again, and when."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from voxport_client.errors import ConnectionFailedError, ConnectionTimeoutError, StatusError, VoxportError
from voxport_client.transport.calls import Call
from voxport_client.transport.responses import REQUEST_ID, is_from_gateway, retry_after, status_error

MAX_RETRY_AFTER = 60.0
"""Seconds: a Retry-After of more is not waited for, but raised."""
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 8.0
_JITTER = random.Random()  # noqa: S311  # no secret
_PROXY_STATUSES = (502, 503, 504)
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_NEVER_RETRIED = (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects)


@dataclass(frozen=True)
class RetryPolicy:
    """`timeout` is in seconds: of one try, and of the time that the first try of a billed call, still under way at the
    gateway, is waited for."""

    timeout: float
    max_retries: int

    def without_retries(self) -> RetryPolicy:
        return RetryPolicy(self.timeout, 0)


class Attempts:
    """The tries of one call. Each method returns the seconds to pause before the next try, or raises its error.

    `is_answer_lost`: the gateway may have done an earlier try."""

    def __init__(self, call: Call[Any], policy: RetryPolicy, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._call = call
        self._policy = policy
        self._clock = clock
        self._retries = 0
        self._waits_until: float | None = None
        self.is_answer_lost = False

    def after_error(self, error: httpx2.RequestError) -> float:
        """Raises ConnectionFailedError."""
        was_sent = not isinstance(error, _NOT_SENT)
        self.is_answer_lost |= was_sent
        is_allowed = not isinstance(error, _NEVER_RETRIED) and (self._call.is_repeatable or not was_sent)
        if is_allowed and self._retries < self._policy.max_retries:
            return self._backoff()
        raise self.connection_error(error) from error

    def after_response(self, response: httpx2.Response) -> float | None:
        """Return None if the response is a success. Raises StatusError."""
        if response.is_success or not self._call.is_checked:
            return None
        error = status_error(response, idempotency_key=self._call.idempotency_key)
        if error.code == "idempotency_in_flight":
            return self._wait_for_first_try(error, error.retry_after or 1.0)
        seconds = retry_after(response)
        is_busy = response.status_code in (429, 503) and seconds is not None and seconds <= MAX_RETRY_AFTER
        # What a proxy answers in the gateway's place tells nothing of what the gateway did.
        is_from_proxy = response.status_code in _PROXY_STATUSES and not is_from_gateway(response)
        if is_from_proxy and not is_busy:
            self.is_answer_lost = True
        may_repeat = (is_busy and is_from_gateway(response)) or (
            self._call.is_repeatable and (is_busy or is_from_proxy)
        )
        if may_repeat and self._retries < self._policy.max_retries:
            return self._backoff(at_least=seconds or 0.0)
        if self.is_answer_lost and response.status_code in (404, 409):
            error.add_note("An earlier try of this call may have done it: its answer was lost.")
        raise error

    def after_conflict(self, error: StatusError) -> float:
        """Raises the error if it is the last of too many."""
        if self._retries < self._policy.max_retries:
            return self._backoff()
        raise error

    def connection_error(self, error: httpx2.RequestError) -> ConnectionFailedError:
        kind = ConnectionTimeoutError if isinstance(error, httpx2.TimeoutException) else ConnectionFailedError
        tries = f" after {self._retries + 1} tries" if self._retries else ""
        return kind(
            f"No answer of the gateway{tries}: {_reason(error, self._policy.timeout)}.",
            idempotency_key=self._call.idempotency_key,
        )

    def _wait_for_first_try(self, error: VoxportError, seconds: float) -> float:
        now = self._clock()
        if self._waits_until is None:
            self._waits_until = now + self._policy.timeout
        if now >= self._waits_until or self._call.idempotency_key is None:
            raise error
        return min(seconds, self._waits_until - now)

    def _backoff(self, *, at_least: float = 0.0) -> float:
        pause: float = min(_FIRST_PAUSE * 2 ** min(self._retries, 8), _MAX_PAUSE) * _JITTER.uniform(0.75, 1.25)
        self._retries += 1
        return max(pause, at_least)


def name_key(error: BaseException, call: Call[Any]) -> None:
    """Show the Idempotency-Key of a billed call on an error that left it: as a field of ours, as a note on others."""
    if call.idempotency_key is None:
        return
    if isinstance(error, VoxportError):
        error.idempotency_key = call.idempotency_key
        body = call.body or {}
        error.audio_url = body.get("audioUrl") or body.get("scriptUrl")
    else:
        error.add_note(f"idempotency_key={call.idempotency_key!r}")


def request_id_of(response: httpx2.Response) -> str | None:
    value: str | None = response.headers.get(REQUEST_ID)
    return value


def _reason(error: httpx2.RequestError, timeout: float) -> str:
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return "it could not be connected to in time"
    if isinstance(error, httpx2.TimeoutException):
        return f"nothing came for {timeout:g} s"
    if isinstance(error, httpx2.ConnectError):
        return f"it could not be connected to ({error})"
    return f"the connection was lost ({type(error).__name__}: {error})"
