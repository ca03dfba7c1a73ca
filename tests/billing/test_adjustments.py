"""Adjustments stay within the balance and refunds within the charge, also when several run at once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.concurrency import run_concurrently
from tests.support.tampering import tamper
from voxport.audit.service import CLI
from voxport.billing.service import Posting
from voxport.billing.verify import verify
from voxport.errors import Conflict, Invalid, NotFound
from voxport.gateway import Gateway

LEDGER = "/v2/billing/ledger"
TOKEN = 1_000_000


@pytest.fixture
def payer(gateway: Gateway) -> GatewayClient:
    return charged(open_client(gateway))


def charged(payer: GatewayClient, request_id: str = "req_call") -> GatewayClient:
    """A customer with 100 tokens, of which 3 were charged for a call."""
    billing, database = payer.gateway.billing, payer.gateway.database
    with database.transaction() as tx:
        hold = billing.hold(
            tx, profile_id=payer.profile_id, service="core-tts", amount=5 * TOKEN, request_id=request_id
        )
    with database.transaction() as tx:
        billing.capture(tx, hold, units=Decimal(300))
    return payer


def refund(payer: GatewayClient, amount: int | None = None, reference: str | None = None) -> Posting:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.adjustments.refund(
            tx, actor=CLI, request_id="req_call", amount=amount, reference=reference, note="sorry"
        )


def adjust(payer: GatewayClient, amount: int, reference: str | None = None) -> Posting:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.adjustments.adjust(
            tx, payer.profile_id, amount, note="because", reference=reference, actor=CLI
        )


def is_right(payer: GatewayClient, credits: float) -> None:
    assert payer.balance()["credits"] == credits
    assert verify(payer.gateway.database) == []


def test_a_refund_gives_back_all_that_a_call_cost_and_says_of_which_call(payer: GatewayClient) -> None:
    refund(payer)
    row = payer.get(LEDGER).json()["data"][0]
    assert (row["kind"], row["tokens"], row["balance_after"]) == ("refund", 3.0, 100.0)
    assert (row["service"], row["request_id"], row["units"]) == ("core-tts", "req_call", 300.0)
    is_right(payer, 100.0)


def test_of_one_call_never_more_is_given_back_than_it_cost_in_however_many_parts(payer: GatewayClient) -> None:
    refund(payer, 2 * TOKEN)
    with pytest.raises(Conflict, match=r"1\.000000 tokens can be given back at most"):
        refund(payer, TOKEN + 1)
    refund(payer)
    with pytest.raises(Conflict, match=r"0\.000000 tokens can be given back at most"):
        refund(payer)
    is_right(payer, 100.0)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_is_more_than_zero(payer: GatewayClient, amount: int) -> None:
    with pytest.raises(Invalid):
        refund(payer, amount)
    is_right(payer, 97.0)


def test_a_refund_is_of_a_charge_that_is_there_and_of_one_only(payer: GatewayClient) -> None:
    adjustments, database = payer.gateway.adjustments, payer.gateway.database
    with pytest.raises(NotFound), database.transaction() as tx:
        adjustments.refund(tx, actor=CLI, request_id="req_nobody")
    with pytest.raises(NotFound), database.transaction() as tx:
        adjustments.refund(tx, actor=CLI, ledger_id=payer.get(LEDGER).json()["data"][1]["id"])  # the entry of a credit
    for request_id, ledger_id in ((None, None), ("req_call", "led_x")):
        with pytest.raises(Invalid), database.transaction() as tx:
            adjustments.refund(tx, actor=CLI, request_id=request_id, ledger_id=ledger_id)
    with database.transaction() as tx:
        adjustments.refund(tx, actor=CLI, ledger_id=payer.get(LEDGER).json()["data"][0]["id"])
    is_right(payer, 100.0)


def test_an_adjustment_takes_no_more_than_what_is_free(payer: GatewayClient) -> None:
    with payer.gateway.database.transaction() as tx:
        payer.gateway.billing.hold(
            tx, profile_id=payer.profile_id, service="core-tts", amount=40 * TOKEN, request_id="req_open"
        )
    with pytest.raises(Invalid, match=r"57\.000000 tokens at most"):
        adjust(payer, -57 * TOKEN - 1)
    adjust(payer, -57 * TOKEN)
    is_right(payer, 40.0)
    adjust(payer, 7 * TOKEN)
    is_right(payer, 47.0)
    assert [row["kind"] for row in payer.get(LEDGER).json()["data"][:2]] == ["adjust", "adjust"]


def test_an_adjustment_has_an_amount_and_a_note(payer: GatewayClient) -> None:
    with pytest.raises(Invalid):
        adjust(payer, 0)
    with pytest.raises(Invalid, match="note"), payer.gateway.database.transaction() as tx:
        payer.gateway.adjustments.adjust(tx, payer.profile_id, TOKEN, note="  ", actor=CLI)
    is_right(payer, 97.0)


def test_the_same_reference_is_booked_once_and_another_booking_under_it_is_refused(payer: GatewayClient) -> None:
    first = adjust(payer, TOKEN, "inv-1")
    again = adjust(payer, TOKEN, "inv-1")
    assert (again.row.id, again.is_repeated, first.is_repeated) == (first.row.id, True, False)
    with pytest.raises(Conflict, match="another booking"):
        adjust(payer, 2 * TOKEN, "inv-1")
    with pytest.raises(Conflict, match="another booking"):
        refund(payer, TOKEN, "inv-1")
    back = refund(payer, None, "inv-2")
    assert refund(payer, None, "inv-2").row.id == back.row.id
    assert refund(payer, 3 * TOKEN, "inv-2").is_repeated
    with pytest.raises(Conflict, match="another booking"):
        refund(payer, TOKEN, "inv-2")
    is_right(payer, 101.0)
    other = payer.another_customer()
    assert not adjust(other, TOKEN, "inv-1").is_repeated


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_twelve_that_refund_or_credit_at_once_none_goes_too_far(
    make_gateway: MakeGateway, request: pytest.FixtureRequest, kind: str
) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    payer = charged(open_client(make_gateway(database_url=url)))

    def part(number: int) -> str:
        try:
            refund(payer, TOKEN)
        except Conflict as error:
            return error.code
        return "booked"

    results = run_concurrently(12, part)
    assert sorted(results) == ["booked"] * 3 + ["refund_too_large"] * 9
    is_right(payer, 100.0)
    booked = run_concurrently(12, lambda _: adjust(payer, -TOKEN, "once"))
    assert len({one.row.id for one in booked}) == 1
    assert sum(not one.is_repeated for one in booked) == 1
    is_right(payer, 99.0)

    def take(number: int) -> bool:
        try:
            adjust(payer, -30 * TOKEN)
        except Invalid:
            return False
        return True

    assert sum(run_concurrently(12, take)) == 3
    is_right(payer, 9.0)


STROKES = {
    "a refund too much": "UPDATE holds SET refunded = 0",
    "a refund of another charge": "UPDATE ledger_transactions SET refund_of = NULL WHERE kind = 'refund'",
    "a credit that says it is a refund's": (
        "UPDATE ledger_transactions SET refund_of = (SELECT id FROM ledger_transactions WHERE kind = 'capture') "
        "WHERE kind = 'credit'"
    ),
    "a refund booked against issued credits": (
        "UPDATE ledger_entries SET account = 'issued' WHERE account = 'revenue' AND amount < 0"
    ),
}


@pytest.mark.parametrize("stroke", list(STROKES), ids=lambda name: name.replace(" ", "_"))
def test_verify_finds_what_is_wrong_with_a_refund(payer: GatewayClient, stroke: str) -> None:
    refund(payer, TOKEN)
    assert verify(payer.gateway.database) == []
    tamper(payer.gateway.database, STROKES[stroke])
    assert verify(payer.gateway.database)
