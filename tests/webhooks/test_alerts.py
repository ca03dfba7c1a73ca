"""The low-balance alert is sent once for each fall below the threshold, whatever causes it, on both databases."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from tests.webhooks.conftest import AUDIO, CLONE, LOG
from voxport.audit.service import CLI
from voxport.billing.held_calls import BilledCall
from voxport.billing.money import to_micro
from voxport.billing.verify import verify
from voxport.errors import InsufficientCredits

ALERT = "/v2/billing/alert"
URL = "https://hooks.example.com/low"


@pytest.fixture
def customer(make_client: MakeClient, database_url: str) -> GatewayClient:
    """A customer with 20 tokens, on each kind of database."""
    return make_client("20", database_url=database_url)


def put(client: GatewayClient, below: Any = 10, url: str = URL) -> dict[str, Any]:
    answer = client.put_json(ALERT, {"below": below, "webhook_url": url})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def clone(client: GatewayClient) -> str:
    """Starts a clone job, which holds 5 tokens; returns its id."""
    answer = client.post(CLONE, AUDIO)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def alerts(client: GatewayClient) -> list[dict[str, Any]]:
    """The alerts in the log, oldest first."""
    page = client.gateway.webhooks.list(client.profile_id, state=None, limit=50, cursor=None)
    return [row.data or {} for row in page.rows if row.type == "balance.low"][::-1]


def credit(client: GatewayClient, tokens: int) -> None:
    with client.gateway.database.transaction() as tx:
        client.gateway.billing.add_credits(tx, client.profile_id, to_micro(Decimal(tokens)))


def test_the_hold_that_takes_the_balance_below_is_told_once(customer: GatewayClient) -> None:
    put(customer)
    clone(customer)
    clone(customer)
    assert alerts(customer) == [], "10 is not below 10"
    clone(customer)
    assert alerts(customer) == [{"balance": 5.0, "below": 10.0, "currency": "token"}]
    clone(customer)
    assert len(alerts(customer)) == 1
    row = customer.get(LOG).json()["data"][0]
    assert (row["type"], row["job_id"], row["url"]) == ("balance.low", None, URL)
    assert customer.get(ALERT).json()["data"]["armed"] is False


def test_credits_arm_it_again_when_they_lift_the_balance_above(customer: GatewayClient) -> None:
    put(customer)
    for _ in range(4):
        clone(customer)
    credit(customer, 9)
    clone(customer)
    assert len(alerts(customer)) == 1, "the balance did not come to 10"
    credit(customer, 10)
    assert customer.get(ALERT).json()["data"]["armed"] is True
    clone(customer)
    assert [one["balance"] for one in alerts(customer)] == [5.0, 9.0]


def test_what_an_operator_takes_sets_it_off_and_what_he_gives_arms_it(customer: GatewayClient) -> None:
    put(customer)
    gateway = customer.gateway
    for tokens, told, is_armed in ((-11, 1, False), (-1, 1, False), (2, 1, True), (-1, 2, False)):
        with gateway.database.transaction() as tx:
            amount = to_micro(Decimal(tokens))
            gateway.adjustments.adjust(tx, customer.profile_id, amount, note="because", actor=CLI)
        assert len(alerts(customer)) == told
        assert customer.get(ALERT).json()["data"]["armed"] is is_armed


def test_a_hold_that_comes_back_does_not_arm_it(customer: GatewayClient) -> None:
    """Otherwise each call near the threshold would send another alert."""
    put(customer)
    jobs = [clone(customer) for _ in range(3)]
    customer.post(f"/v2/jobs/{jobs[-1]}/cancel")
    clone(customer)
    assert len(alerts(customer)) == 1


def test_a_call_that_is_refused_for_money_tells_nothing(customer: GatewayClient) -> None:
    put(customer, below=19)
    call = BilledCall(customer.profile_id, "core-voice-clone", "req_1")
    with pytest.raises(InsufficientCredits), customer.gateway.held_calls.hold(call, units=Decimal(5)):
        pass
    assert alerts(customer) == []


def test_many_calls_at_once_tell_it_once(customer: GatewayClient) -> None:
    put(customer, below=15)
    billing, database = customer.gateway.billing, customer.gateway.database
    failures: list[BaseException] = []

    def spend(number: int) -> None:
        try:
            with database.transaction() as tx:
                billing.hold(
                    tx, profile_id=customer.profile_id, service="core-tts", amount=1_000_000, request_id=f"r{number}"
                )
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert alerts(customer) == [{"balance": 14.0, "below": 15.0, "currency": "token"}]
    assert verify(database) == []


def test_one_that_is_set_below_what_is_left_is_told_with_the_next_call(customer: GatewayClient) -> None:
    data = put(customer, below=100)
    assert data["armed"] is True
    assert alerts(customer) == []
    clone(customer)
    assert [one["balance"] for one in alerts(customer)] == [15.0]


def test_it_is_seen_changed_and_removed_by_its_owner_only(customer: GatewayClient) -> None:
    assert error_of(customer.get(ALERT))["code"] == "alert_not_found"
    put(customer, below=2.5)
    data = put(customer, below=0.000001)
    assert (data["below"], data["webhook_url"], data["armed"]) == (0.000001, URL, True)
    assert customer.get(ALERT).json()["data"] == data
    assert error_of(customer.another_customer().delete(ALERT))["code"] == "alert_not_found"
    assert customer.delete(ALERT).json() == {"status": "success", "data": {"deleted": True}}
    assert customer.get(ALERT).status_code == 404
    clone(customer)
    assert alerts(customer) == []


@pytest.mark.parametrize("below", [0, -1, "10", None, True, 1e9, 0.0000001])
def test_a_threshold_that_is_no_amount_is_refused(client: GatewayClient, below: Any) -> None:
    answer = client.put_json(ALERT, {"below": below, "webhook_url": URL})
    assert answer.status_code == 422, answer.text
    assert "below" in error_of(answer)["message"]
