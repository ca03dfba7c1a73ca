"""A customer's own keys over HTTP: created, rotated with both keys valid during the change, revoked except the last."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from tests.support.concurrency import run_concurrently
from tests.support.server import serving
from voxport.accounts.keys import is_well_formed
from voxport.accounts.models import ApiKey
from voxport.audit.service import CLI
from voxport.clock import now

KEYS = "/v2/keys"
BALANCE = "/v2/billing/balance"


def status_with(client: GatewayClient, key: str) -> int:
    return client.http.get(BALANCE, headers={"X-API-Key": key}).status_code


def test_a_new_key_is_shown_once_and_works(client: GatewayClient) -> None:
    created = client.post(KEYS, {"name": "laptop"})
    assert created.status_code == 201
    key = created.json()["data"]["key"]
    assert is_well_formed(key)
    assert status_with(client, key) == 200
    listed = client.get(KEYS)
    assert [row["name"] for row in listed.json()["data"]] == ["test", "laptop"]
    assert key not in listed.text


def test_a_key_that_expires_makes_none_that_works_longer(client: GatewayClient) -> None:
    accounts = client.gateway.accounts
    with client.gateway.database.transaction() as tx:
        _, session = accounts.create_session_key(tx, client.profile_id, "Studio", timedelta(hours=1), actor=CLI)
    headers = {"X-API-Key": session}
    made = client.http.post(KEYS, json={"name": "x"}, headers=headers).json()["data"]
    grandchild = client.http.post(KEYS, json={"name": "y"}, headers={"X-API-Key": made["key"]}).json()["data"]
    ends = {row["name"]: row["expires_at"] for row in client.get(KEYS).json()["data"]}
    assert ends["test"] is None
    assert ends["Studio"] == ends["x"] == ends["y"] == made["expires_at"] == grandchild["expires_at"]
    rotated = client.http.post(f"{KEYS}/{client.key_id}/rotate", headers=headers)
    assert (rotated.status_code, error_of(rotated)["code"]) == (409, "key_not_rotatable")
    assert status_with(client, client.key) == 200


def test_two_keys_live_during_the_change_and_then_one(client: GatewayClient) -> None:
    rotated = client.post(f"{KEYS}/{client.key_id}/rotate").json()["data"]
    assert rotated["old_key_id"] == client.key_id
    assert rotated["name"] == "test"
    assert status_with(client, client.key) == status_with(client, rotated["key"]) == 200
    with client.gateway.database.transaction() as tx:
        tx.execute(update(ApiKey).where(ApiKey.id == client.key_id).values(expires_at=now() - timedelta(seconds=1)))
    answer = client.get(BALANCE)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "key_revoked")
    assert "rotated" in error_of(answer)["message"]
    assert status_with(client, rotated["key"]) == 200


def test_a_key_in_wrong_hands_is_rotated_at_once(client: GatewayClient) -> None:
    rotated = client.post(f"{KEYS}/{client.key_id}/rotate", {"revoke_at_once": True}).json()["data"]
    assert status_with(client, client.key) == 401
    assert status_with(client, rotated["key"]) == 200


def test_a_key_is_rotated_once(client: GatewayClient) -> None:
    assert client.post(f"{KEYS}/{client.key_id}/rotate").status_code == 201
    again = client.post(f"{KEYS}/{client.key_id}/rotate")
    assert (again.status_code, error_of(again)["code"]) == (409, "key_not_rotatable")
    assert len(client.get(KEYS).json()["data"]) == 2


def test_the_last_key_is_not_revoked_by_its_owner(client: GatewayClient) -> None:
    answer = client.delete(f"{KEYS}/{client.key_id}")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "last_key")
    other = client.post(KEYS, {}).json()["data"]
    assert client.delete(f"{KEYS}/{client.key_id}").status_code == 200
    assert status_with(client, client.key) == 401
    assert status_with(client, other["key"]) == 200
    with client.gateway.database.transaction() as tx:  # the operator may revoke the last one
        assert client.gateway.accounts.revoke_key(tx, other["id"], actor=CLI)


def test_a_key_that_is_being_rotated_out_does_not_count_as_one_that_is_left(client: GatewayClient) -> None:
    successor = client.post(f"{KEYS}/{client.key_id}/rotate").json()["data"]
    answer = client.delete(f"{KEYS}/{successor['id']}")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "last_key")


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/rotate")])
def test_the_keys_of_another_are_not_there(client: GatewayClient, method: str, path: str) -> None:
    other = client.another_customer()
    answer = client.request(method, f"{KEYS}/{other.key_id}{path}")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "key_not_found")
    assert other.get(BALANCE).status_code == 200
    assert other.key_id not in client.get(KEYS).text


def test_a_profile_has_so_many_keys_also_when_all_are_asked_for_at_once(make_client: MakeClient) -> None:
    client = make_client(keys_per_profile=4)
    statuses = run_concurrently(8, lambda _: client.post(KEYS, {}).status_code)
    assert sorted(statuses) == [201] * 3 + [409] * 5
    assert client.post(f"{KEYS}/{client.key_id}/rotate").status_code == 201  # it replaces a key


def test_a_suspended_profiles_keys_are_refused_on_everything_until_it_is_resumed(client: GatewayClient) -> None:
    accounts, database = client.gateway.accounts, client.gateway.database
    with database.transaction() as tx:
        assert accounts.suspend(tx, client.profile_id, actor=CLI)
    for method, path in (("GET", BALANCE), ("GET", KEYS), ("POST", "/v1/proxy/core-tts"), ("DELETE", "/v1/voices/x")):
        answer = client.request(method, path)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "profile_suspended")
    with database.transaction() as tx:
        assert not accounts.suspend(tx, client.profile_id, actor=CLI)
        assert accounts.resume(tx, client.profile_id, actor=CLI)
    assert client.get(BALANCE).status_code == 200


def test_a_request_that_is_held_open_does_not_outlive_its_key(client: GatewayClient) -> None:
    stolen = client.post(KEYS, {"name": "stolen"}).json()["data"]
    body = b'{"name": "of a thief"}'
    head = [f"POST {KEYS} HTTP/1.1", "Host: g", f"X-API-Key: {stolen['key']}", f"Content-Length: {len(body)}", "", ""]
    with serving(client) as port, socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall("\r\n".join(head).encode() + body[:-1])
        time.sleep(1.5)
        assert client.delete(f"{KEYS}/{stolen['id']}").status_code == 200
        connection.sendall(body[-1:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"key_revoked" in answer
    assert "of a thief" not in client.get(KEYS).text
