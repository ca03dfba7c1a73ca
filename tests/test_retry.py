"""`retry` repeats a failed call after each pause, until the pauses are used up or the sleep raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from voxport.retry import retry


class Busy(Exception):
    """An error after which the call may be repeated."""


class Cancelled(Exception):
    """The sleep raises it to end the retries."""


def failing(times: int) -> Callable[[], str]:
    """A call that raises `Busy` so many times, and then returns a result."""
    left = [Busy(f"call {number}") for number in range(times)]

    def call() -> str:
        if left:
            raise left.pop(0)
        return "result"

    return call


def test_a_call_is_made_again_after_each_pause() -> None:
    slept: list[tuple[float, str]] = []
    result = retry(failing(2), (1.0, 2.0, 4.0), on=Busy, sleep=lambda pause, error: slept.append((pause, str(error))))
    assert result == "result"
    assert slept == [(1.0, "call 0"), (2.0, "call 1")]


def test_the_last_error_is_raised_as_it_is() -> None:
    with pytest.raises(Busy, match="call 1"):
        retry(failing(2), (0.0,), on=(Busy, OSError))


def test_another_error_is_raised_at_once() -> None:
    slept: list[float] = []
    with pytest.raises(Busy, match="call 0"):
        retry(failing(1), (1.0,), on=OSError, sleep=lambda pause, _: slept.append(pause))
    assert slept == []


def test_a_sleep_that_raises_ends_the_retries() -> None:
    made: list[str] = []

    def call() -> NoReturn:
        made.append("call")
        raise Busy

    def sleep(pause: float, error: Busy) -> NoReturn:
        raise Cancelled

    with pytest.raises(Cancelled):
        retry(call, (1.0, 2.0), on=Busy, sleep=sleep)
    assert made == ["call"]
