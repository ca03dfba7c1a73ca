"""A provider that fails again and again is left alone for a while."""

from __future__ import annotations

from voxport.providers.breaker import Breaker


class Hands:
    """A clock that only the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Hands]:
    hands = Hands()
    breaker = Breaker(clock=hands)
    for _ in range(5):
        assert breaker.may_call()
        breaker.failed()
    return breaker, hands


def test_five_failures_in_a_row_open_it() -> None:
    breaker, _ = opened()
    assert breaker.state == "open"
    assert not breaker.may_call()
    assert breaker.seconds_left() == 10


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(clock=Hands())
    for _ in range(20):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.seconds_left() is None


def test_after_a_while_it_is_half_open() -> None:
    breaker, hands = opened()
    hands.now += 10
    assert breaker.state == "half_open"


def test_after_a_while_one_call_may_try_and_closes_it() -> None:
    breaker, hands = opened()
    hands.now += 10
    assert [breaker.may_call() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.may_call()


def test_a_try_that_fails_opens_it_for_longer_up_to_five_minutes() -> None:
    breaker, hands = opened()
    waits = []
    for _ in range(7):
        wait = breaker.seconds_left()
        assert wait is not None
        waits.append(wait)
        hands.now += wait
        assert breaker.may_call()
        breaker.failed()
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_try_whose_caller_went_away_leaves_the_try_to_the_next() -> None:
    breaker, hands = opened()
    hands.now += 10
    assert breaker.may_call()
    breaker.undecided()
    assert breaker.may_call()
