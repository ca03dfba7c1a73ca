"""Caches what a provider reports about itself. A thread refreshes it; callers wait for the first probe only."""

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
"""How long callers wait for the first probe, counted from the first call that waits."""


class ProbeFailed(Exception):
    """The provider could not be probed. `reason` continues the sentence "The provider … can't be used: ". `is_final`:
    the provider itself refused, and the cached value is void."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class CachedStatus(Generic[T]):
    """`probe` may raise ProbeFailed. The cached value survives a failure, unless it is final."""

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
        """Start a probe if one is due, without waiting."""
        if self._clock() >= self._expires_at and self._probing.acquire(blocking=False):
            threading.Thread(target=self._probe_once, daemon=True).start()

    def value(self) -> T:
        """The last value that was probed, or `default`."""
        self._wait()
        return self._default if self._value is None else self._value

    def problem(self) -> str | None:
        """Why the provider can't be used; None if it can."""
        self._wait()
        return self._problem

    def invalidate(self) -> None:
        """Mark the value as stale: the next call starts a probe."""
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
        self._expires_at = self._clock() + _TTL_SECONDS  # before the probe, so that an `invalidate` during it counts
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
