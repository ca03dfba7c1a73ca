"""Calls that are made again when they fail. docs/decisions/0068 holds the policy of each."""

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
    """Return the result of `call`. Where it raises one of `on`, it is made again after the next of `pauses` (seconds);
    after the last of them its error is raised as it is. `sleep` gets the pause and the error; it may wait for longer,
    and end the retries by raising: a cancelled job does so."""
    for pause in pauses:
        try:
            return call()
        except on as error:
            sleep(pause, error)
    return call()
