"""The worker's daily check: what it stores and what it logs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from voxport.db.lease import Leases
from voxport.gateway import Gateway
from voxport.reconciliation.service import Reconciliation


class DatabaseClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 4, 27, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> DatabaseClock:
    return DatabaseClock()


@pytest.fixture
def reconciliation(gateway: Gateway, clock: DatabaseClock) -> Reconciliation:
    return Reconciliation(gateway.database, Leases(gateway.database.url), interval=timedelta(hours=24), clock=clock)


def lose_a_hold(client: GatewayClient) -> str:
    """Opens a hold that nothing will settle; returns its id."""
    with client.gateway.database.transaction() as tx:
        return client.gateway.billing.hold(
            tx, profile_id=client.profile_id, service="core-tts", amount=10, request_id="req_lost"
        )


def test_the_first_check_is_made_at_once_and_the_next_after_a_day(
    reconciliation: Reconciliation, clock: DatabaseClock
) -> None:
    assert reconciliation.last_check() is None
    assert [reconciliation.check_if_due() for _ in range(3)] == [1, 0, 0]
    clock.moment += timedelta(hours=23, minutes=59)
    assert reconciliation.check_if_due() == 0
    clock.moment += timedelta(minutes=1)
    assert reconciliation.check_if_due() == 1
    last = reconciliation.last_check()
    assert last is not None
    assert (last.checked_at, last.problems) == (clock.moment, 0)
    assert 0 < last.seconds < 60


def test_a_clock_that_was_a_month_ahead_does_not_stop_the_checks(
    reconciliation: Reconciliation, clock: DatabaseClock
) -> None:
    reconciliation.check_if_due()
    clock.moment -= timedelta(days=30)
    assert reconciliation.check_if_due() == 1


def test_problems_are_counted_and_each_is_logged_as_an_error(
    gateway: Gateway, reconciliation: Reconciliation, caplog: pytest.LogCaptureFixture
) -> None:
    client = open_client(gateway)
    holds = [lose_a_hold(client), lose_a_hold(client)]
    reconciliation.check_if_due()
    last = reconciliation.last_check()
    assert last is not None
    assert last.problems == 2
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [hold_id in vars(record)["problem"] for hold_id, record in zip(holds, errors, strict=True)] == [True, True]


def test_while_one_worker_checks_another_one_does_not(gateway: Gateway, reconciliation: Reconciliation) -> None:
    lease = Leases(gateway.database.url).try_acquire("ledger-check")
    assert lease is not None
    with lease:
        assert reconciliation.check_if_due() == 0
    assert reconciliation.check_if_due() == 1


def test_what_a_worker_found_is_seen_by_the_other_processes(make_gateway: MakeGateway) -> None:
    other = make_gateway()
    assert other.reconciliation.last_check() is None
    worker = make_gateway(data_dir=other.settings.data_dir)
    assert worker.reconciliation.check_if_due() == 1
    assert other.reconciliation.last_check() is not None
