"""What a provider says of itself, asked now and then by a thread of its own, so that no caller waits for it twice."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("voxport.providers")

_KEPT_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 15.0
_FIRST_SECONDS: Final = 20.0
"""For the first answer, which callers do wait for: counted from the question, not from each caller's call."""


class NotTold(Exception):
    """The provider can't be asked; says why, in words that follow "The provider … can't be used: ". `is_final`: it
    said so itself, and what it said before is void."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class Told(Generic[T]):
    """`ask` raises NotTold. A failure leaves what was told before, unless it is final."""

    def __init__(self, ask: Callable[[], T], nothing: T, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._nothing = nothing
        self._clock = clock
        self._value: T | None = None
        self._problem: str | None = None
        self._due = 0.0
        self._first = threading.Event()
        self._first_until: float | None = None
        self._asking = threading.Lock()

    def refresh(self) -> None:
        """Ask where it is due, without waiting."""
        if self._clock() >= self._due and self._asking.acquire(blocking=False):
            threading.Thread(target=self._ask_once, daemon=True).start()

    def value(self) -> T:
        """What was told last; the `nothing` of before where nothing was."""
        self._wait()
        return self._nothing if self._value is None else self._value

    def problem(self) -> str | None:
        """Why the provider can't be used; None where it can."""
        self._wait()
        return self._problem

    def forget(self) -> None:
        """Something showed that it is no longer so: asked again at once."""
        self._due = 0.0

    def _wait(self) -> None:
        self.refresh()
        if self._first.is_set():
            return
        if self._first_until is None:
            self._first_until = time.monotonic() + _FIRST_SECONDS
        if not self._first.wait(max(0.0, self._first_until - time.monotonic())):
            self._problem = "it does not answer"

    def _ask_once(self) -> None:
        self._due = self._clock() + _KEPT_SECONDS  # before the question, so that a `forget` meanwhile counts
        try:
            self._value, self._problem = self._ask(), None
        except NotTold as failure:
            if failure.is_final:
                self._value = None
            if self._value is None:
                self._problem = failure.reason
            self._due = min(self._due, self._clock() + _AGAIN_SECONDS)
        except Exception:
            _log.exception("what a provider says of itself was not understood")
            if self._value is None:
                self._problem = "it does not answer as it should"
        finally:
            self._first.set()
            self._asking.release()
