"""The HTTP client of the adapters of hosted providers: it makes billed calls within a limit, never repeats one that may
have been billed, and translates failures into errors."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from voxport.errors import OutcomeUnknown, ProviderBusy, ProviderUnavailable, VoxportError
from voxport.providers.limiter import Limiter
from voxport.providers.observed import observed_request, observed_slot
from voxport.providers.upstream import RequestNotSent, ResponseLost, StreamedResponse, Upstream, UpstreamResponse

_MAX_ATTEMPTS: Final = 8
"""Attempts of one paid call that the provider refuses because of too many calls."""
_HANG_SECONDS: Final = 5.0
"""A free request that fails after longer than this means that the provider hangs."""
_COOLDOWN_SECONDS: Final = 30.0
"""How long a provider that hangs gets no free requests."""


@dataclass(frozen=True)
class RefusedCall:
    """The provider refused a call and did not do the work. `is_busy`: it had too many calls, and the call can be
    retried after `retry_after` seconds (None if the provider doesn't say)."""

    error: VoxportError
    is_busy: bool = False
    retry_after: float | None = None


ErrorLabeller = Callable[[VoxportError, UpstreamResponse | None], VoxportError]


class BilledClient:
    """`label_error` adds the provider's name and its request id to an error's details. `timeout` and `pauses` (the
    shortest and the longest between two attempts) are in seconds."""

    def __init__(
        self,
        title: str,
        upstream: Upstream,
        limiter: Limiter,
        *,
        label_error: ErrorLabeller,
        timeout: float,
        pauses: tuple[float, float],
    ) -> None:
        self._label_error = label_error
        self._title = title
        self._name = title.lower()
        self._upstream = upstream
        self._limiter = limiter
        self._timeout = timeout
        self._pauses = pauses
        self._cooldown_until = -math.inf

    @contextmanager
    def send_billed(
        self,
        client: str,
        path: str,
        classify: Callable[[StreamedResponse], StreamedResponse | RefusedCall],
        **request: Any,
    ) -> Iterator[StreamedResponse]:
        """Send a billed POST in a slot of the limiter, and yield the response that `classify` accepts. Retries only
        calls refused as too many, while there is time. Raises ProviderError."""
        attempts, deadline, (pause, max_pause) = 0, time.monotonic() + self._timeout, self._pauses
        while True:
            with (
                observed_slot(self._name, self._limiter.slot(client, timeout=deadline - time.monotonic())),
                self.translate_failures(),
                self._upstream.stream("POST", path, **request) as streamed,
            ):
                verdict = classify(streamed)
                if isinstance(verdict, StreamedResponse):
                    yield verdict
                    self._limiter.on_success()
                    return
                if verdict.is_busy:
                    self._limiter.on_refused()
            if not verdict.is_busy:
                raise verdict.error
            attempts += 1
            # `retry_after` is a minimum: a provider that always says "one second" is retried less and less often.
            wait = max(verdict.retry_after or 0.0, pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads the retries
            if attempts == _MAX_ATTEMPTS or time.monotonic() + wait > deadline:
                seconds = max(1, math.ceil(wait))
                busy = ProviderBusy(
                    f"{self._title} has as many calls as it takes. Nothing was charged; try again in {seconds} s.",
                    retry_after_seconds=seconds,
                )
                busy.details = {**verdict.error.details, **busy.details}
                raise busy
            time.sleep(wait)
            pause = min(2 * pause, max_pause)

    def send_free(self, method: str, path: str, **request: Any) -> UpstreamResponse:
        """Send a free request, with retries, and return the response. A provider that hung gets no free requests for a
        while, so that deleting a hundred voices waits for one timeout, not a hundred. Raises ProviderUnavailable."""
        began = time.monotonic()
        if began < self._cooldown_until:
            raise self.unreachable_error()
        with observed_request(self._name):
            return self._send_free(began, method, path, **request)

    def _send_free(self, began: float, method: str, path: str, **request: Any) -> UpstreamResponse:
        try:
            answer = self._upstream.send_with_retries(method, path, **request)
        except (RequestNotSent, ResponseLost):
            ended = time.monotonic()
            if ended - began > _HANG_SECONDS:
                self._cooldown_until = ended + _COOLDOWN_SECONDS
            raise self.unreachable_error() from None
        if answer.status >= 500:
            raise self.unreachable_error(answer)
        return answer

    @contextmanager
    def translate_failures(self) -> Iterator[None]:
        """Translate transport failures into ProviderErrors."""
        try:
            yield
        except RequestNotSent:
            raise self.unreachable_error() from None
        except ResponseLost:
            raise self._label_error(OutcomeUnknown(f"{self._title} broke off. What it made is lost."), None) from None

    def unreachable_error(self, answer: UpstreamResponse | None = None) -> VoxportError:
        """Return a ProviderUnavailable."""
        text = f"{self._title} does not answer. Nothing was charged; try again in a minute."
        return self._label_error(ProviderUnavailable(text), answer)
