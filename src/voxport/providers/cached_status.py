"""What a provider says of itself, asked now and then by a thread of its own, so that no caller waits for it twice."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("voxport.providers")

_TTL_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 15.0
_FIRST_PROBE_TIMEOUT: Final = 20.0
"""For the first answer, which callers do wait for: counted from the question, not from each caller's call."""


class ProbeFailed(Exception):
    """The provider can't be asked; says why, in words that follow "The provider … can't be used: ". `is_final`: it
    said so itself, and what it said before is void."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class CachedStatus(Generic[T]):
    """`probe` raises ProbeFailed. A failure leaves what was told before, unless it is final."""

    def __init__(self, probe: Callable[[], T], default: T, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._probe = probe
        self._default = default
        self._clock = clock
        self._value: T | None = None
        self._problem: str | None = None
        self._expires_at = 0.0
        self._has_answer = threading.Event()
        self._first_deadline: float | None = None
        self._probing = threading.Lock()

    def refresh(self) -> None:
        """Ask where it is due, without waiting."""
        if self._clock() >= self._expires_at and self._probing.acquire(blocking=False):
            threading.Thread(target=self._probe_once, daemon=True).start()

    def value(self) -> T:
        """What was told last; the `default` of before where nothing was."""
        self._wait()
        return self._default if self._value is None else self._value

    def problem(self) -> str | None:
        """Why the provider can't be used; None where it can."""
        self._wait()
        return self._problem

    def invalidate(self) -> None:
        """Something showed that it is no longer so: asked again at once."""
        self._expires_at = 0.0

    def _wait(self) -> None:
        self.refresh()
        if self._has_answer.is_set():
            return
        if self._first_deadline is None:
            self._first_deadline = time.monotonic() + _FIRST_PROBE_TIMEOUT
        if not self._has_answer.wait(max(0.0, self._first_deadline - time.monotonic())):
            self._problem = "it does not answer"

    def _probe_once(self) -> None:
        self._expires_at = self._clock() + _TTL_SECONDS  # before the question, so that an `invalidate` meanwhile counts
        try:
            self._value, self._problem = self._probe(), None
        except ProbeFailed as failure:
            if failure.is_final:
                self._value = None
            if self._value is None:
                self._problem = failure.reason
            self._expires_at = min(self._expires_at, self._clock() + _RETRY_SECONDS)
        except Exception:
            _log.exception("what a provider says of itself was not understood")
            if self._value is None:
                self._problem = "it does not answer as it should"
        finally:
            self._has_answer.set()
            self._probing.release()
