"""The circuit breaker: a provider that fails repeatedly is not called for a while."""

from __future__ import annotations

from voxport.providers.breaker import Breaker, Permit


class FakeClock:
    """A clock that only the test advances."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def permit(breaker: Breaker) -> Permit:
    given = breaker.acquire()
    assert given is not None
    return given


def opened() -> tuple[Breaker, FakeClock]:
    clock = FakeClock()
    breaker = Breaker(clock=clock)
    for _ in range(5):
        breaker.record_failure(permit(breaker))
    return breaker, clock


def test_five_failures_in_a_row_open_it() -> None:
    breaker, _ = opened()
    assert breaker.state == "open"
    assert breaker.acquire() is None
    assert breaker.seconds_left() == 10


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(clock=FakeClock())
    for _ in range(20):
        breaker.record_failure(permit(breaker))
        breaker.record_failure(permit(breaker))
        breaker.record_success(permit(breaker))
    assert breaker.state == "closed"
    assert breaker.seconds_left() is None


def test_after_a_while_it_is_half_open() -> None:
    breaker, clock = opened()
    clock.now += 10
    assert breaker.state == "half_open"


def test_after_a_while_one_call_may_try_and_closes_it() -> None:
    breaker, clock = opened()
    clock.now += 10
    trial = permit(breaker)
    assert [breaker.acquire() for _ in range(2)] == [None, None]
    breaker.record_success(trial)
    assert breaker.state == "closed"
    assert breaker.acquire() is not None


def test_a_try_that_fails_opens_it_for_longer_up_to_five_minutes() -> None:
    breaker, clock = opened()
    waits = []
    for _ in range(7):
        wait = breaker.seconds_left()
        assert wait is not None
        waits.append(wait)
        clock.now += wait
        breaker.record_failure(permit(breaker))
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_try_whose_caller_went_away_leaves_the_try_to_the_next() -> None:
    breaker, clock = opened()
    clock.now += 10
    breaker.release(permit(breaker))
    assert breaker.acquire() is not None


def test_a_call_from_before_it_opened_says_nothing_of_now() -> None:
    clock = FakeClock()
    breaker = Breaker(clock=clock)
    old = [permit(breaker) for _ in range(3)]
    for _ in range(5):
        breaker.record_failure(permit(breaker))
    clock.now += 10
    trial = permit(breaker)
    breaker.release(old[0])
    assert breaker.acquire() is None
    breaker.record_success(old[1])
    assert breaker.state == "half_open"
    breaker.record_failure(trial)
    assert breaker.seconds_left() == 20
    breaker.record_failure(old[2])
    assert breaker.seconds_left() == 20
