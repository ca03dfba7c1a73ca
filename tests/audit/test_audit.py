"""The audit log: a row commits with the change it records, rows form one hash chain, and tampering is detected."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.concurrency import run_concurrently
from tests.support.fake_provider import FakeProviderEnv
from tests.support.tampering import tamper
from tests.test_contract import work
from voxport.audit.service import CLI, GENESIS_HASH, record
from voxport.gateway import Gateway

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"


def rows(gateway: Gateway) -> list[dict[str, Any]]:
    return list(gateway.audit.export())


def actions(gateway: Gateway) -> list[str]:
    return [row["action"] for row in rows(gateway)]


def test_profiles_keys_and_credits_are_in_it_with_who_did_it(gateway: Gateway) -> None:
    client = open_client(gateway, "5")
    assert [(row["actor"], row["action"], row["profile_id"]) for row in rows(gateway)] == [
        ("gateway", "profile.create", client.profile_id),
        ("gateway", "key.create", client.profile_id),
        ("gateway", "credit.credit", client.profile_id),
    ]
    answer = client.post("/v2/keys", {"name": "second"})
    last = rows(gateway)[-1]
    assert (last["actor"], last["action"], last["subject"]) == (
        client.key_id,
        "key.create",
        answer.json()["data"]["id"],
    )
    assert last["request_id"] == answer.headers["X-Gateway-Request-ID"]
    assert gateway.audit.verify() is None


def test_clones_and_deletions_are_in_it_and_no_text_no_url_no_name(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    audio = customer.upload()["public_url"]
    body = {"audioUrl": audio, "provider": "local", "name": "Grandmother"}
    job_id = customer.post(CLONE, body).json()["job"]["id"]
    work(fake_env, job_id)
    voice_id = customer.get(f"/v2/jobs/{job_id}").json()["result_data"]["voice_id"]
    said = customer.post(INSTANT, {"audioUrl": audio, "text": "A very private word.", "provider": "local"})
    assert said.status_code == 200
    customer.delete(f"/v1/voices/{voice_id}")
    found = rows(customer.gateway)[3:]
    assert [(row["action"], row["subject"]) for row in found] == [
        ("clone.submit", voice_id),
        ("clone.complete", voice_id),
        ("clone.instant", None),
        ("voice.delete", voice_id),
    ]
    assert found[0]["details"] == {"job_id": job_id}
    whole = json.dumps(rows(customer.gateway))
    for word in ("private", "Grandmother", "vxp_", "Customer", "http"):
        assert word not in whole


def test_what_is_rolled_back_leaves_no_row(gateway: Gateway) -> None:
    client = open_client(gateway)
    before = rows(gateway)
    with pytest.raises(RuntimeError), gateway.database.transaction() as tx:
        gateway.accounts.create_key(tx, client.profile_id, "x")
        raise RuntimeError
    assert client.post("/v2/keys", {"name": "\x00"}).status_code == 422
    poor = client.another_customer("0")
    assert poor.post(CLONE, {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}).status_code == 402
    assert actions(gateway)[len(before) :] == ["profile.create", "key.create"]
    assert gateway.audit.verify() is None


def test_each_row_holds_the_hash_of_the_one_before_over_canonical_json(gateway: Gateway) -> None:
    open_client(gateway)
    previous = GENESIS_HASH
    for row in rows(gateway):
        own = row.pop("hash")
        assert row["previous"] == previous
        canonical = json.dumps(row, sort_keys=True, separators=(",", ":")).encode()
        assert hashlib.sha256(canonical).hexdigest() == own
        previous = own
    assert gateway.audit.head() == (3, previous)


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_the_database_refuses_to_change_it(gateway: Gateway, statement: str) -> None:
    open_client(gateway)
    with pytest.raises(DBAPIError, match="append-only"), gateway.database.transaction() as tx:
        tx.execute(text(statement))


STROKES = {
    "UPDATE audit_log SET actor = 'nobody' WHERE sequence = 2": "row 2",
    'UPDATE audit_log SET details = \'{"tokens":"1"}\' WHERE sequence = 3': "row 3",
    "UPDATE audit_log SET hash = previous WHERE sequence = 1": "row 1",
    "DELETE FROM audit_log WHERE sequence = 2": "row 2",
    "DELETE FROM audit_log WHERE sequence = 3": "row 3",
    "DELETE FROM audit_log": "row 1",
    "UPDATE audit_log SET sequence = 9 WHERE sequence = 3": "row 3",
    "UPDATE audit_head SET sequence = 4": "row 4",
}


@pytest.mark.parametrize("stroke", list(STROKES))
def test_verify_names_the_first_row_that_is_broken(gateway: Gateway, stroke: str) -> None:
    open_client(gateway)
    assert gateway.audit.verify() is None
    tamper(gateway.database, stroke)
    assert (gateway.audit.verify() or "").startswith(STROKES[stroke])


def test_a_head_that_was_noted_shows_a_log_that_was_written_anew(gateway: Gateway, make_gateway: MakeGateway) -> None:
    open_client(gateway)
    noted = gateway.audit.head()
    open_client(gateway)
    assert gateway.audit.verify(noted) is None
    other = make_gateway()
    open_client(other)
    assert (other.audit.verify(noted) or "").startswith("row 3")
    assert (make_gateway().audit.verify(noted) or "").startswith("row 1")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_chain_does_not_fork_and_nobody_waits_for_ever(
    make_gateway: MakeGateway, request: pytest.FixtureRequest, kind: str
) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    client = open_client(make_gateway(database_url=url))
    gateway = client.gateway

    def act(number: int) -> None:
        """Records before locking the balance if `number` is odd, after it otherwise."""
        for _ in range(10):
            with gateway.database.transaction() as tx:
                if number % 2:
                    record(tx, "profile.resume", actor=CLI, profile_id=client.profile_id)
                    gateway.billing.add_credits(tx, client.profile_id, 1)
                else:
                    gateway.billing.add_credits(tx, client.profile_id, 1)
                    record(tx, "profile.resume", actor=CLI, profile_id=client.profile_id)

    run_concurrently(12, act)
    assert gateway.audit.verify() is None
    assert gateway.audit.head()[0] == 3 + 12 * 10 * 2
    assert gateway.billing.read_funds(client.profile_id).credits == 100_000_120
