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
from voxport.providers.upstream import Answer, AnswerLost, NotSent, Streamed, Upstream

_MAX_TRIES: Final = 8
"""Of one paid call that is refused for being one too many."""
_HANG_SECONDS: Final = 5.0
"""After which a free question without an answer was one to a provider that hangs."""
_REST_SECONDS: Final = 30.0
"""For which such a provider is asked nothing free."""


@dataclass(frozen=True)
class Refused:
    """The provider did not do the work. `is_busy`: it was one call too many, and may be made again after `wait` seconds
    (None where it doesn't say)."""

    error: VoxportError
    is_busy: bool = False
    wait: float | None = None


Label = Callable[[VoxportError, Answer | None], VoxportError]


class Hosted:
    """`label` writes the provider's name, and its own id of the request, into an error's details. `patience` and
    `pauses` (the shortest, the longest between two tries) in seconds."""

    def __init__(
        self,
        title: str,
        upstream: Upstream,
        limiter: Limiter,
        *,
        label: Label,
        patience: float,
        pauses: tuple[float, float],
    ) -> None:
        self._label = label
        self._title = title
        self._upstream = upstream
        self._limiter = limiter
        self._patience = patience
        self._pauses = pauses
        self._rests_until = -math.inf

    @contextmanager
    def paid(
        self, client: str, path: str, judge: Callable[[Streamed], Streamed | Refused], **request: Any
    ) -> Iterator[Streamed]:
        """The answer to a POST that costs, as `judge` takes it, in a place of the limiter's. What is refused for being
        too much is tried again while there is patience; nothing else is. Raises ProviderError."""
        tries, until, (pause, longest) = 0, time.monotonic() + self._patience, self._pauses
        while True:
            with (
                self._limiter.place(client, patience=until - time.monotonic()),
                self.outcomes(),
                self._upstream.stream("POST", path, **request) as streamed,
            ):
                verdict = judge(streamed)
                if isinstance(verdict, Streamed):
                    yield verdict
                    self._limiter.went_well()
                    return
                if verdict.is_busy:
                    self._limiter.refused()
            if not verdict.is_busy:
                raise verdict.error
            tries += 1
            # What it asks for is the least: one that says "one second" each time is asked less and less often.
            wait = max(verdict.wait or 0.0, pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads the tries
            if tries == _MAX_TRIES or time.monotonic() + wait > until:
                seconds = max(1, math.ceil(wait))
                busy = ProviderBusy(
                    f"{self._title} has as many calls as it takes. Nothing was charged; try again in {seconds} s.",
                    retry_after_seconds=seconds,
                )
                busy.details = {**verdict.error.details, **busy.details}
                raise busy
            time.sleep(wait)
            pause = min(2 * pause, longest)

    def free(self, method: str, path: str, **request: Any) -> Answer:
        """The answer to a question that costs nothing. A provider that hung is left alone for a while: a hundred voices
        that are to be removed there wait for one time-out, not for a hundred. Raises ProviderUnavailable."""
        began = time.monotonic()
        if began < self._rests_until:
            raise self.unreachable()
        try:
            answer = self._upstream.ask_again(method, path, **request)
        except (NotSent, AnswerLost):
            ended = time.monotonic()
            if ended - began > _HANG_SECONDS:
                self._rests_until = ended + _REST_SECONDS
            raise self.unreachable() from None
        if answer.status >= 500:
            raise self.unreachable(answer)
        return answer

    @contextmanager
    def outcomes(self) -> Iterator[None]:
        """Failures of the way there as what they mean for the caller."""
        try:
            yield
        except NotSent:
            raise self.unreachable() from None
        except AnswerLost:
            raise self._label(OutcomeUnknown(f"{self._title} broke off. What it made is lost."), None) from None

    def unreachable(self, answer: Answer | None = None) -> VoxportError:
        """ProviderUnavailable."""
        text = f"{self._title} does not answer. Nothing was charged; try again in a minute."
        return self._label(ProviderUnavailable(text), answer)
