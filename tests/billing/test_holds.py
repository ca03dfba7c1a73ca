"""A price is held before the work, and settled once after it."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.backend import environment as environment_of
from tests.support.client import GatewayClient, open_client
from tests.support.server import environment, wait_until
from tests.support.tampering import accept_released_holds, refuse_released_holds
from voxport.billing.held_calls import BilledCall, HeldCalls
from voxport.billing.service import AlreadySettled
from voxport.billing.verify import verify
from voxport.db.lease import Leases
from voxport.errors import InsufficientCredits, Invalid, ProviderTimeout, VoxportError
from voxport.gateway import Gateway

CLONE = "/v1/proxy/core-voice-clone"
AUDIO = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
TOKEN = 1_000_000


@pytest.fixture
def payer(gateway: Gateway) -> GatewayClient:
    """The only customer of a gateway, with 100 tokens."""
    return open_client(gateway)


def hold(payer: GatewayClient, amount: int, **values: Any) -> str:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.billing.hold(
            tx, profile_id=payer.profile_id, service="core-tts", amount=amount, request_id="req_test", **values
        )


def capture(payer: GatewayClient, hold_id: str, units: str) -> int:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.billing.capture(tx, hold_id, units=Decimal(units)).cost


def release(payer: GatewayClient, hold_id: str) -> bool:
    with payer.gateway.database.transaction() as tx:
        return payer.gateway.billing.release(tx, hold_id)


def is_clean(payer: GatewayClient) -> bool:
    return verify(payer.gateway.database) == []


def test_the_hold_of_a_job_is_seen_from_the_moment_of_the_202(payer: GatewayClient) -> None:
    assert payer.post(CLONE, AUDIO).status_code == 202
    assert payer.balance() == {"balance": 95.0, "credits": 100.0, "held": 5.0, "currency": "token"}
    assert payer.post(CLONE, AUDIO).status_code == 202
    assert payer.balance() == {"balance": 90.0, "credits": 100.0, "held": 10.0, "currency": "token"}
    assert is_clean(payer)


def test_a_cancel_gives_the_hold_back_and_writes_nothing_to_the_ledger(payer: GatewayClient) -> None:
    job = payer.post(CLONE, AUDIO).json()["job"]["id"]
    assert payer.post(f"/v2/jobs/{job}/cancel").status_code == 200
    assert payer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert [row["kind"] for row in payer.get("/v2/billing/ledger").json()["data"]] == ["credit"]
    assert is_clean(payer)


def test_what_is_held_cannot_be_spent_twice(payer: GatewayClient) -> None:
    for _ in range(20):
        assert payer.post(CLONE, AUDIO).status_code == 202
    assert payer.balance()["balance"] == 0
    assert payer.post(CLONE, AUDIO).status_code == 402
    assert len(payer.get("/v2/jobs").json()["data"]) == 20
    assert is_clean(payer)


def test_the_last_micro_token_can_be_held(payer: GatewayClient) -> None:
    hold(payer, 100 * TOKEN - 1)
    hold(payer, 1)
    with pytest.raises(InsufficientCredits):
        hold(payer, 1)
    hold(payer, 0)
    assert is_clean(payer)


def test_a_profile_that_never_had_credits_has_a_balance_of_nothing(client: GatewayClient) -> None:
    poor = client.another_customer(credits="0")
    assert poor.balance() == {"balance": 0.0, "credits": 0.0, "held": 0.0, "currency": "token"}
    assert poor.get("/v2/billing/ledger").json() == {"status": "success", "data": [], "next_cursor": None}


def test_a_capture_charges_what_was_used_and_gives_the_rest_back(payer: GatewayClient) -> None:
    hold_id = hold(payer, 2 * TOKEN)
    assert capture(payer, hold_id, "2.1") == 21_000
    assert payer.balance() == {"balance": 99.979, "credits": 99.979, "held": 0.0, "currency": "token"}
    row = payer.get("/v2/billing/ledger").json()["data"][0]
    assert (row["kind"], row["units"], row["tokens"], row["balance_after"]) == ("capture", 2.1, -0.021, 99.979)
    assert is_clean(payer)


def test_a_capture_never_exceeds_the_hold(payer: GatewayClient) -> None:
    hold_id = hold(payer, 30_000)
    assert capture(payer, hold_id, "1000000") == 30_000
    assert payer.balance()["credits"] == 99.97
    assert is_clean(payer)


def test_random_captures_never_exceed_their_holds_and_the_books_stay_right(payer: GatewayClient) -> None:
    dice = random.Random(7)
    spent = 0
    for _ in range(150):
        amount = dice.randrange(1, 500_000)
        hold_id = hold(payer, amount)
        if dice.random() < 0.3:
            assert release(payer, hold_id)
            continue
        units = Decimal(dice.randrange(1, 1000)) / 10
        charged = capture(payer, hold_id, str(units))
        assert charged == min(int(units * 10_000), amount)
        spent += charged
    funds = payer.gateway.billing.read_funds(payer.profile_id)
    assert (funds.credits, funds.held) == (100 * TOKEN - spent, 0)
    assert is_clean(payer)


def test_a_release_happens_once(payer: GatewayClient) -> None:
    hold_id = hold(payer, TOKEN)
    assert release(payer, hold_id) is True
    assert release(payer, hold_id) is False
    assert payer.balance()["held"] == 0
    assert is_clean(payer)


def test_a_capture_happens_once(payer: GatewayClient) -> None:
    hold_id = hold(payer, TOKEN)
    capture(payer, hold_id, "1")
    with pytest.raises(AlreadySettled):
        capture(payer, hold_id, "1")
    assert payer.balance()["credits"] == 99.99
    assert is_clean(payer)


def test_what_was_released_is_not_captured_and_what_was_captured_not_released(payer: GatewayClient) -> None:
    released, captured = hold(payer, TOKEN), hold(payer, TOKEN)
    release(payer, released)
    with pytest.raises(AlreadySettled):
        capture(payer, released, "1")
    capture(payer, captured, "1")
    assert release(payer, captured) is False
    assert payer.balance() == {"balance": 99.99, "credits": 99.99, "held": 0.0, "currency": "token"}
    assert is_clean(payer)


def test_of_a_capture_and_a_release_at_once_exactly_one_happens(payer: GatewayClient) -> None:
    for _ in range(20):
        hold_id = hold(payer, TOKEN)
        before = payer.gateway.billing.read_funds(payer.profile_id).credits
        gate = threading.Barrier(2)
        results: list[str] = []

        def take(hold_id: str = hold_id, gate: threading.Barrier = gate, results: list[str] = results) -> None:
            gate.wait()
            try:
                capture(payer, hold_id, "1")
                results.append("captured")
            except AlreadySettled:
                results.append("too late")

        def give(hold_id: str = hold_id, gate: threading.Barrier = gate, results: list[str] = results) -> None:
            gate.wait()
            results.append("released" if release(payer, hold_id) else "too late")

        threads = [threading.Thread(target=take), threading.Thread(target=give)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results.count("too late") == 1
        charged = before - payer.gateway.billing.read_funds(payer.profile_id).credits
        assert charged == (10_000 if "captured" in results else 0)
    assert is_clean(payer)


def test_of_fifty_threads_exactly_as_many_hold_as_there_are_credits_for(gateway: Gateway) -> None:
    payer = open_client(gateway, credits="50")
    gate = threading.Barrier(50)
    outcomes: list[str] = []

    def try_to_hold() -> None:
        gate.wait()
        try:
            hold(payer, 5 * TOKEN)
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_to_hold) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("held") == 10
    assert outcomes.count("refused") == 40
    assert payer.balance() == {"balance": 0.0, "credits": 50.0, "held": 50.0, "currency": "token"}
    assert is_clean(payer)


def test_fifty_clones_at_once_over_http_queue_ten_jobs(gateway: Gateway) -> None:
    payer = open_client(gateway, credits="50")
    gate = threading.Barrier(50)
    statuses: list[int] = []

    def ask() -> None:
        gate.wait()
        statuses.append(payer.post(CLONE, AUDIO).status_code)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202] * 10 + [402] * 40
    assert len(payer.get("/v2/jobs?limit=200").json()["data"]) == 10
    assert is_clean(payer)


def test_a_transaction_that_fails_leaves_no_hold(payer: GatewayClient) -> None:
    billing, database = payer.gateway.billing, payer.gateway.database
    with pytest.raises(RuntimeError, match="midway"), database.transaction() as tx:
        billing.hold(tx, profile_id=payer.profile_id, service="core-tts", amount=TOKEN, request_id="req_x")
        raise RuntimeError("midway")
    assert payer.balance()["held"] == 0
    assert is_clean(payer)


def test_a_transaction_inside_a_transaction_is_refused_instead_of_waiting_for_itself(payer: GatewayClient) -> None:
    database = payer.gateway.database
    with database.transaction(), pytest.raises(RuntimeError, match="inside"), database.transaction():
        pass
    assert payer.get("/v2/billing/balance").status_code == 200


@pytest.fixture
def calls(payer: GatewayClient) -> HeldCalls:
    return payer.gateway.held_calls


def test_a_call_that_ends_without_a_capture_costs_nothing(payer: GatewayClient, calls: HeldCalls) -> None:
    call = BilledCall(payer.profile_id, "core-tts", "req_1")
    with calls.hold(call, units=Decimal(100)):
        assert payer.balance()["held"] == 1
    assert payer.balance()["balance"] == 100
    assert is_clean(payer)


@pytest.mark.parametrize(
    "failure", [VoxportError("no"), ValueError("bug"), KeyboardInterrupt()], ids=lambda e: type(e).__name__
)
def test_a_call_that_raises_costs_nothing(payer: GatewayClient, calls: HeldCalls, failure: BaseException) -> None:
    call = BilledCall(payer.profile_id, "core-tts", "req_1")
    with pytest.raises(type(failure)), calls.hold(call, units=Decimal(100)):
        raise failure
    assert payer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert is_clean(payer)


def test_what_a_call_records_beside_its_hold_goes_with_it(payer: GatewayClient, calls: HeldCalls) -> None:
    def fail(*_: object) -> None:
        raise ValueError("can't be recorded")

    with (
        pytest.raises(ValueError, match="recorded"),
        calls.hold(BilledCall(payer.profile_id, "core-tts", "r"), units=Decimal(1), in_same_tx=fail),
    ):
        pass
    assert payer.balance()["held"] == 0

    with (
        pytest.raises(ValueError, match="recorded"),
        calls.hold(BilledCall(payer.profile_id, "core-tts", "r"), units=Decimal(1)) as open_call,
    ):
        open_call.capture(units=Decimal(1), in_same_tx=fail)
    assert payer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert is_clean(payer)


_CALL_AND_DIE = (
    "import os, sys; from decimal import Decimal; from pathlib import Path; "
    "from voxport.billing.held_calls import BilledCall; "
    "from voxport.gateway import open_gateway; from voxport.settings import Settings; "
    "gateway = open_gateway(Settings(_env_file=None, data_dir=Path(sys.argv[1]))); "
    "call = BilledCall(sys.argv[2], 'core-tts', 'req_1'); hold = gateway.held_calls.hold(call, units=Decimal(100)); "
    "hold.__enter__(); print('held', flush=True); sys.stdin.readline(); os._exit(9)"
)


@pytest.mark.slow
def test_the_hold_of_a_call_whose_process_dies_is_released_and_not_before(
    payer: GatewayClient, calls: HeldCalls
) -> None:
    data_dir = str(payer.gateway.settings.data_dir)
    child = subprocess.Popen(
        [sys.executable, "-c", _CALL_AND_DIE, data_dir, payer.profile_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**environment_of(payer.gateway.settings.data_dir)),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert payer.balance()["held"] == 1
    assert calls.release_abandoned() == 0
    child.kill()
    child.wait()
    # On Postgres the lease of a killed process is not renewed for 3 s before it counts as dead.
    wait_until(calls.release_abandoned, seconds=60, what="the release")
    assert calls.release_abandoned() == 0
    assert payer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert is_clean(payer)


def test_the_holds_of_living_calls_and_of_jobs_are_not_abandoned(payer: GatewayClient, calls: HeldCalls) -> None:
    assert payer.post(CLONE, AUDIO).status_code == 202
    with calls.hold(BilledCall(payer.profile_id, "core-tts", "req_1"), units=Decimal(100)):
        assert calls.release_abandoned() == 0
        assert payer.balance()["held"] == 6
    assert calls.release_abandoned() == 0
    assert payer.balance()["held"] == 5
    assert is_clean(payer)


def test_a_hold_that_the_database_did_not_give_back_is_given_back_later(
    payer: GatewayClient,
) -> None:
    gateway = payer.gateway
    calls = HeldCalls(gateway.database, gateway.billing, Leases(gateway.database.url), retry_seconds=0.05)
    with payer.gateway.database.connection() as connection:
        refuse_released_holds(connection)
    with (
        pytest.raises(ProviderTimeout),
        calls.hold(BilledCall(payer.profile_id, "core-tts", "req_1"), units=Decimal(100)),
    ):
        raise ProviderTimeout("The provider was too slow.")
    assert payer.balance()["held"] == 1
    with payer.gateway.database.connection() as connection:
        accept_released_holds(connection)
    wait_until(lambda: payer.balance()["held"] == 0, seconds=10, what="the hold's release")
    assert is_clean(payer)


def test_another_gateway_on_the_same_data_leaves_the_holds_of_a_living_one(
    make_gateway: MakeGateway, payer: GatewayClient, calls: HeldCalls
) -> None:
    other = make_gateway(data_dir=payer.gateway.settings.data_dir)
    with calls.hold(BilledCall(payer.profile_id, "core-tts", "req_1"), units=Decimal(100)) as open_call:
        assert other.held_calls.release_abandoned() == 0
        assert open_call.capture(units=Decimal(1)).cost == 10_000
    assert is_clean(payer)


def test_a_call_whose_hold_was_given_back_charges_nothing_late(payer: GatewayClient, calls: HeldCalls) -> None:
    with calls.hold(BilledCall(payer.profile_id, "core-tts", "req_1"), units=Decimal(100)) as open_call:
        for owner in payer.gateway.billing.owners_of_open_holds():
            assert payer.gateway.billing.release_all_of(owner) == 1
        with pytest.raises(ProviderTimeout):
            open_call.capture(units=Decimal(1))
    assert payer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert is_clean(payer)


def test_credits_are_added_above_zero_and_up_to_the_most_that_a_number_holds(payer: GatewayClient) -> None:
    billing, database = payer.gateway.billing, payer.gateway.database
    for amount in (0, -1, 100_000_000 * TOKEN):
        with pytest.raises(Invalid), database.transaction() as tx:
            billing.add_credits(tx, payer.profile_id, amount)
    with database.transaction() as tx:
        assert billing.add_credits(tx, payer.profile_id, 99_999_900 * TOKEN).row.balance_after == 100_000_000 * TOKEN
    assert payer.balance()["balance"] == 100_000_000
    assert is_clean(payer)


def test_the_database_itself_refuses_a_balance_below_zero(payer: GatewayClient) -> None:
    for change in ("credits = -1", "held = -1", "held = credits + 1"):
        with pytest.raises(Exception, match=r"(?i)check constraint"), payer.gateway.database.transaction() as tx:
            tx.execute(text(f"UPDATE balances SET {change}"))


def test_two_gateways_on_one_database_share_the_balance(make_gateway: MakeGateway, payer: GatewayClient) -> None:
    other = make_gateway(data_dir=payer.gateway.settings.data_dir)
    gate = threading.Barrier(40)
    outcomes: list[str] = []

    def try_to_hold(gateway: Gateway) -> None:
        gate.wait()
        try:
            with gateway.database.transaction() as tx:
                gateway.billing.hold(
                    tx, profile_id=payer.profile_id, service="core-tts", amount=10 * TOKEN, request_id="r"
                )
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_to_hold, args=(one,)) for one in (payer.gateway, other) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("held") == 10
    assert len(outcomes) == 40
    assert is_clean(payer)
