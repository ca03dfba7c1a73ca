"""Retries failed calls. docs/decisions/0068 lists the policy of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

E = TypeVar("E", bound=Exception)
T = TypeVar("T")


def retry(
    call: Callable[[], T],
    pauses: Iterable[float],
    *,
    on: type[E] | tuple[type[E], ...],
    sleep: Callable[[float, E], None] = lambda seconds, _: time.sleep(seconds),
) -> T:
    """Return the result of `call`, retried after each of `pauses` (seconds) if it raises one of `on`; the error of the
    last attempt is raised unchanged. `sleep` gets the pause and the error. It may wait longer, or raise to end the
    retries, as a cancelled job does."""
    for pause in pauses:
        try:
            return call()
        except on as error:
            sleep(pause, error)
    return call()
