"""What the adapters of hosted providers have in common: a call that costs is made once, in its turn, and what became of
it is told."""

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
from voxport.providers.upstream import RequestNotSent, ResponseLost, StreamedResponse, Upstream, UpstreamResponse

_MAX_ATTEMPTS: Final = 8
"""Of one paid call that is refused for being one too many."""
_HANG_SECONDS: Final = 5.0
"""After which a free question without an answer was one to a provider that hangs."""
_COOLDOWN_SECONDS: Final = 30.0
"""For which such a provider is asked nothing free."""


@dataclass(frozen=True)
class RefusedCall:
    """The provider did not do the work. `is_busy`: it was one call too many, and may be made again after `retry_after`
    seconds (None where it doesn't say)."""

    error: VoxportError
    is_busy: bool = False
    retry_after: float | None = None


ErrorLabeller = Callable[[VoxportError, UpstreamResponse | None], VoxportError]


class BilledClient:
    """`label_error` writes the provider's name, and its own id of the request, into an error's details. `timeout` and
    `pauses` (the shortest, the longest between two attempts) in seconds."""

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
        """The answer to a POST that costs, as `classify` takes it, in a place of the limiter's. What is refused for
        being too much is tried again while there is time; nothing else is. Raises ProviderError."""
        attempts, deadline, (pause, max_pause) = 0, time.monotonic() + self._timeout, self._pauses
        while True:
            with (
                self._limiter.slot(client, timeout=deadline - time.monotonic()),
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
            # What it asks for is the least: one that says "one second" each time is asked less and less often.
            wait = max(verdict.retry_after or 0.0, pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads the tries
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
        """The answer to a question that costs nothing. A provider that hung is left alone for a while: a hundred voices
        that are to be removed there wait for one time-out, not for a hundred. Raises ProviderUnavailable."""
        began = time.monotonic()
        if began < self._cooldown_until:
            raise self.unreachable_error()
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
        """Failures of the way there as what they mean for the caller."""
        try:
            yield
        except RequestNotSent:
            raise self.unreachable_error() from None
        except ResponseLost:
            raise self._label_error(OutcomeUnknown(f"{self._title} broke off. What it made is lost."), None) from None

    def unreachable_error(self, answer: UpstreamResponse | None = None) -> VoxportError:
        """ProviderUnavailable."""
        text = f"{self._title} does not answer. Nothing was charged; try again in a minute."
        return self._label_error(ProviderUnavailable(text), answer)
