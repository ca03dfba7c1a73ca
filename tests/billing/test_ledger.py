"""The ledger is read in pages, is never changed, and can be verified."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.support.client import GatewayClient, open_client
from tests.support.tampering import tamper
from voxport.billing.verify import verify
from voxport.gateway import Gateway

LEDGER = "/v2/billing/ledger"
TOKEN = 1_000_000


@pytest.fixture
def payer(gateway: Gateway) -> GatewayClient:
    """A customer with a credit of 100 tokens, captures of 1 and of 2, a released hold, and an open hold of 4."""
    payer = open_client(gateway)
    billing = gateway.billing
    for units in (100, 200):
        with gateway.database.transaction() as tx:
            hold = billing.hold(
                tx, profile_id=payer.profile_id, service="core-tts", amount=3 * TOKEN, request_id=f"req_{units}"
            )
        with gateway.database.transaction() as tx:
            billing.capture(tx, hold, units=Decimal(units))
    with gateway.database.transaction() as tx:
        hold = billing.hold(tx, profile_id=payer.profile_id, service="core-tts", amount=TOKEN, request_id="req_r")
        billing.release(tx, hold)
        billing.hold(tx, profile_id=payer.profile_id, service="core-tts", amount=4 * TOKEN, request_id="req_o")
    return payer


def test_the_newest_movement_comes_first_and_balances_follow_each_other(payer: GatewayClient) -> None:
    rows = payer.get(LEDGER).json()["data"]
    assert [(row["kind"], row["tokens"], row["balance_after"]) for row in rows] == [
        ("capture", -2.0, 97.0),
        ("capture", -1.0, 99.0),
        ("credit", 100.0, 100.0),
    ]
    assert rows[0]["service"] == "core-tts"
    assert rows[0]["request_id"] == "req_200"
    assert rows[0]["units"] == 200
    assert rows[2]["service"] is None
    assert all(row["created_at"].endswith("Z") for row in rows)


def test_pages_hold_every_row_once(payer: GatewayClient) -> None:
    for _ in range(7):
        with payer.gateway.database.transaction() as tx:
            payer.gateway.billing.add_credits(tx, payer.profile_id, 1)
    whole = [row["id"] for row in payer.get(f"{LEDGER}?limit=200").json()["data"]]
    assert len(whole) == 10
    for limit in (1, 3, 5, 9, 10, 11):
        seen: list[str] = []
        cursor = ""
        while True:
            page = payer.get(f"{LEDGER}?limit={limit}{cursor}").json()
            assert len(page["data"]) <= limit
            seen += [row["id"] for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == whole, limit


def test_a_page_does_not_move_when_new_rows_come(payer: GatewayClient) -> None:
    first = payer.get(f"{LEDGER}?limit=1").json()
    with payer.gateway.database.transaction() as tx:
        payer.gateway.billing.add_credits(tx, payer.profile_id, 1)
    second = payer.get(f"{LEDGER}?limit=1&cursor={first['next_cursor']}").json()
    assert second["data"][0]["tokens"] == -1.0


def test_nobody_reads_the_ledger_of_another(payer: GatewayClient) -> None:
    other = payer.another_customer()
    assert [row["kind"] for row in other.get(LEDGER).json()["data"]] == ["credit"]
    cursor = payer.get(f"{LEDGER}?limit=1").json()["next_cursor"]
    ids = {row["id"] for row in payer.get(LEDGER).json()["data"]}
    assert not ids & {row["id"] for row in other.get(f"{LEDGER}?cursor={cursor}").json()["data"]}


@pytest.mark.parametrize("table", ["ledger_transactions", "ledger_entries"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET sequence = sequence + 1000",
        "DELETE FROM {table}",
        "DELETE FROM {table} WHERE sequence = 1",
        "UPDATE {table} SET {amount} = 0 WHERE sequence = 1",
    ],
)
def test_the_database_refuses_to_change_or_remove_what_is_written(
    payer: GatewayClient, table: str, statement: str
) -> None:
    amount = "tokens" if table == "ledger_transactions" else "amount"
    before = payer.get(LEDGER).json()["data"]
    with pytest.raises(DBAPIError, match="append-only"), payer.gateway.database.transaction() as tx:
        tx.execute(text(statement.format(table=table, amount=amount)))
    assert payer.get(LEDGER).json()["data"] == before
    assert verify(payer.gateway.database) == []


def test_the_database_refuses_a_second_charge_of_one_hold(payer: GatewayClient) -> None:
    copy = (
        "INSERT INTO ledger_transactions (id, profile_id, created_at, kind, hold_id, tokens, balance_after) "
        "SELECT id || 'x', profile_id, created_at, kind, hold_id, tokens, balance_after FROM ledger_transactions "
        "WHERE hold_id IS NOT NULL LIMIT 1"
    )
    with pytest.raises(IntegrityError, match="hold_id"), payer.gateway.database.transaction() as tx:
        tx.execute(text(copy))


# Single changes made directly in the database, each of which `voxport admin ledger verify` must find.
STROKES: dict[str, str] = {
    "an entry changed": "UPDATE ledger_entries SET amount = amount + 1 WHERE sequence = 1",
    "an entry removed": "DELETE FROM ledger_entries WHERE sequence = 2",
    "all entries of a movement removed": (
        "DELETE FROM ledger_entries WHERE transaction_id = (SELECT id FROM ledger_transactions WHERE sequence = 2)"
    ),
    "an entry booked on another customer": "UPDATE ledger_entries SET account = 'customer:prof_x' WHERE sequence = 1",
    "an entry too many": (
        "INSERT INTO ledger_entries (transaction_id, account, amount) "
        "SELECT transaction_id, account, 5 FROM ledger_entries WHERE sequence = 1"
    ),
    "two entries too many that cancel each other": (
        "INSERT INTO ledger_entries (transaction_id, account, amount) "
        "SELECT transaction_id, account, CASE sequence WHEN 1 THEN 5 ELSE -5 END FROM ledger_entries WHERE sequence < 3"
    ),
    "a movement's amount changed": "UPDATE ledger_transactions SET tokens = tokens - 1 WHERE sequence = 2",
    "the amounts of two movements exchanged": (
        "UPDATE ledger_transactions SET tokens = CASE sequence WHEN 2 THEN -2000000 ELSE -1000000 END "
        "WHERE sequence IN (2, 3)"
    ),
    "a movement's balance changed": "UPDATE ledger_transactions SET balance_after = 1 WHERE sequence = 2",
    "a movement removed with its entries": (
        "DELETE FROM ledger_entries WHERE transaction_id = (SELECT id FROM ledger_transactions WHERE sequence = 2);"
        "DELETE FROM ledger_transactions WHERE sequence = 2"
    ),
    "a movement given to nobody": "UPDATE ledger_transactions SET profile_id = 'prof_x' WHERE sequence = 2",
    "a charge booked as issued credits": "UPDATE ledger_entries SET account = 'issued' WHERE account = 'revenue'",
    "the credits raised": "UPDATE balances SET credits = credits + 1",
    "the credits lowered": "UPDATE balances SET credits = credits - 1",
    "the hold of the balance changed": "UPDATE balances SET held = 0",
    "the balance removed": "DELETE FROM balances",
    "an open hold removed": "DELETE FROM holds WHERE state = 'open'",
    "an open hold changed": "UPDATE holds SET amount = amount + 1 WHERE state = 'open'",
    "an open hold closed without its money": "UPDATE holds SET state = 'released' WHERE state = 'open'",
    "a hold captured without a charge": "UPDATE holds SET state = 'captured', captured = 5 WHERE state = 'released'",
    "a charged hold opened again": "UPDATE holds SET state = 'open' WHERE sequence = 1",
    "a charged hold called released": "UPDATE holds SET state = 'released', captured = 0 WHERE sequence = 1",
    "another amount captured than charged": "UPDATE holds SET captured = captured + 1 WHERE sequence = 1",
    "a capture without a hold": "UPDATE ledger_transactions SET hold_id = NULL WHERE sequence = 2",
    "a charge and its hold of two services": "UPDATE ledger_transactions SET service = 'core-x' WHERE sequence = 2",
    "a charge and its hold of two requests": "UPDATE ledger_transactions SET request_id = NULL WHERE sequence = 2",
    "a charge and its hold of two jobs": "UPDATE holds SET job_id = 'j' WHERE sequence = 1",
    "a hold that is in no state": "UPDATE holds SET state = 'lost' WHERE state = 'released'",
    "a released hold that says it captured": "UPDATE holds SET captured = 1 WHERE state = 'released'",
    "a settled hold without its moment": "UPDATE holds SET settled_at = NULL WHERE state = 'captured'",
    "an open hold with the moment of its end": "UPDATE holds SET settled_at = created_at WHERE state = 'open'",
    "more refunded than charged": (
        "UPDATE ledger_transactions SET kind = 'refund', request_id = 'req_200' WHERE sequence = 1"
    ),
    "a charge under another hold": (
        "UPDATE ledger_transactions SET hold_id = (SELECT id FROM holds WHERE state = 'released') WHERE sequence = 2"
    ),
}


@pytest.mark.parametrize("stroke", list(STROKES), ids=lambda name: name.replace(" ", "_"))
def test_verify_finds(payer: GatewayClient, stroke: str) -> None:
    database = payer.gateway.database
    assert verify(database) == []
    another = "INSERT INTO profiles (sequence, id, name, created_at) VALUES (999, 'prof_x', 'x', '2026-01-01 00:00:00')"
    tamper(database, another, *STROKES[stroke].split(";"))
    problems = verify(database)
    assert problems, f"{stroke}: not found"
    assert all(len(problem) > 20 for problem in problems)


def test_verify_is_clean_on_an_empty_database(gateway: Gateway) -> None:
    assert verify(gateway.database) == []
