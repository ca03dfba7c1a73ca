"""A provider that fails again and again is left alone for a while."""

from __future__ import annotations

from voxport.providers.breaker import Breaker, Ticket


class Hands:
    """A clock that only the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def ticket(breaker: Breaker) -> Ticket:
    given = breaker.begin()
    assert given is not None
    return given


def opened() -> tuple[Breaker, Hands]:
    hands = Hands()
    breaker = Breaker(clock=hands)
    for _ in range(5):
        breaker.failed(ticket(breaker))
    return breaker, hands


def test_five_failures_in_a_row_open_it() -> None:
    breaker, _ = opened()
    assert breaker.state == "open"
    assert breaker.begin() is None
    assert breaker.seconds_left() == 10


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(clock=Hands())
    for _ in range(20):
        breaker.failed(ticket(breaker))
        breaker.failed(ticket(breaker))
        breaker.succeeded(ticket(breaker))
    assert breaker.state == "closed"
    assert breaker.seconds_left() is None


def test_after_a_while_it_is_half_open() -> None:
    breaker, hands = opened()
    hands.now += 10
    assert breaker.state == "half_open"


def test_after_a_while_one_call_may_try_and_closes_it() -> None:
    breaker, hands = opened()
    hands.now += 10
    trial = ticket(breaker)
    assert [breaker.begin() for _ in range(2)] == [None, None]
    breaker.succeeded(trial)
    assert breaker.state == "closed"
    assert breaker.begin() is not None


def test_a_try_that_fails_opens_it_for_longer_up_to_five_minutes() -> None:
    breaker, hands = opened()
    waits = []
    for _ in range(7):
        wait = breaker.seconds_left()
        assert wait is not None
        waits.append(wait)
        hands.now += wait
        breaker.failed(ticket(breaker))
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_try_whose_caller_went_away_leaves_the_try_to_the_next() -> None:
    breaker, hands = opened()
    hands.now += 10
    breaker.undecided(ticket(breaker))
    assert breaker.begin() is not None


def test_a_call_from_before_it_opened_says_nothing_of_now() -> None:
    hands = Hands()
    breaker = Breaker(clock=hands)
    old = [ticket(breaker) for _ in range(3)]
    for _ in range(5):
        breaker.failed(ticket(breaker))
    hands.now += 10
    trial = ticket(breaker)
    breaker.undecided(old[0])
    assert breaker.begin() is None
    breaker.succeeded(old[1])
    assert breaker.state == "half_open"
    breaker.failed(trial)
    assert breaker.seconds_left() == 20
    breaker.failed(old[2])
    assert breaker.seconds_left() == 20
