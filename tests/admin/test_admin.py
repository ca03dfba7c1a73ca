"""The operator's endpoints exist only where an operator key is set, and accept no other key."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from voxport.billing.verify import verify

ADMIN_KEY = "operator-" + "k" * 32
ADMIN = "/v2/admin"


@pytest.fixture
def client(make_client: MakeClient) -> GatewayClient:
    return make_client(admin_key=ADMIN_KEY)


def ask(client: GatewayClient, method: str, path: str, body: Any = None, key: str = ADMIN_KEY) -> httpx2.Response:
    return client.http.request(method, ADMIN + path, json=body, headers={"Authorization": f"Bearer {key}"})


def ok(answer: httpx2.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


PATHS = [
    ("GET", "/profiles"),
    ("POST", "/profiles"),
    ("GET", "/profiles/x"),
    ("DELETE", "/profiles/x"),
    ("POST", "/profiles/x/suspend"),
    ("POST", "/profiles/x/resume"),
    ("POST", "/profiles/x/credits"),
    ("POST", "/profiles/x/adjustments"),
    ("GET", "/profiles/x/keys"),
    ("POST", "/profiles/x/keys"),
    ("POST", "/refunds"),
    ("DELETE", "/keys/x"),
    ("POST", "/keys/x/rotate"),
    ("GET", "/stored"),
    ("GET", "/consents"),
    ("GET", "/audit"),
]


def test_the_list_of_paths_here_is_the_one_of_the_gateway(client: GatewayClient) -> None:
    paths = client.http.get("/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, ways in paths.items() if path.startswith(ADMIN) for method in ways}
    assert {(m, p.replace("{profile_id}", "x").replace("{key_id}", "x")) for m, p in found} == {
        (method, ADMIN + path) for method, path in PATHS
    }


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_an_operators_key_nothing_is_there(make_client: MakeClient, method: str, path: str) -> None:
    answer = ask(make_client(), method, path, {})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_customers_key_opens_nothing_there(client: GatewayClient, method: str, path: str) -> None:
    for key in (client.key, ADMIN_KEY[:-1], ADMIN_KEY + "k", "ä"):
        answer = client.http.request(method, ADMIN + path, json={}, headers={b"X-API-Key": key.encode()})
        assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthenticated"), key
    assert client.http.request(method, ADMIN + path).status_code == 401


def test_the_operators_key_is_no_customers(client: GatewayClient) -> None:
    answer = client.http.get("/v2/billing/balance", headers={"X-API-Key": ADMIN_KEY})
    assert answer.status_code == 401


def test_a_customer_is_made_paid_for_suspended_and_resumed(client: GatewayClient) -> None:
    created = ok(ask(client, "POST", "/profiles", {"name": " Acme "}), 201)
    assert (created["name"], created["state"], created["balance"]) == ("Acme", "active", 0.0)
    path = f"/profiles/{created['id']}"
    key = ok(ask(client, "POST", f"{path}/keys", {"name": "server"}), 201)
    booked = ok(ask(client, "POST", f"{path}/credits", {"amount": 2.5, "reference": "inv-1"}), 201)
    assert (booked["kind"], booked["tokens"], booked["repeated"]) == ("credit", 2.5, False)
    assert ok(ask(client, "POST", f"{path}/credits", {"amount": "2.5", "reference": "inv-1"}))["repeated"] is True
    taken = {"amount": -0.5, "reference": "fix-1", "note": "a mistake"}
    assert ok(ask(client, "POST", f"{path}/adjustments", taken), 201)["balance_after"] == 2.0
    balance = "/v2/billing/balance"
    assert client.http.get(balance, headers={"X-API-Key": key["key"]}).json()["data"]["balance"] == 2.0
    assert ok(ask(client, "POST", f"{path}/suspend"))["state"] == "suspended"
    assert client.http.get(balance, headers={"X-API-Key": key["key"]}).status_code == 403
    assert ok(ask(client, "POST", f"{path}/resume"))["state"] == "active"
    rotated = ok(ask(client, "POST", f"/keys/{key['id']}/rotate", {"revoke_at_once": True}), 201)
    assert client.http.get(balance, headers={"X-API-Key": rotated["key"]}).status_code == 200
    ok(ask(client, "DELETE", f"/keys/{rotated['id']}"))
    assert client.http.get(balance, headers={"X-API-Key": rotated["key"]}).status_code == 401
    assert [row["id"] for row in ask(client, "GET", f"{path}/keys").json()["data"]] == [key["id"], rotated["id"]]
    log = ask(client, "GET", f"/audit?profile_id={created['id']}").json()["data"]
    assert [row["action"] for row in reversed(log)] == [
        "profile.create", "key.create", "credit.credit", "credit.adjust", "profile.suspend", "profile.resume",
        "key.rotate", "key.revoke",
    ]  # fmt: skip
    assert {row["actor"] for row in log} == {"admin"}
    assert all(row["request_id"].startswith("req_") for row in log)
    assert verify(client.gateway.database) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/credits", {"amount": 1}, 422),  # no reference
        ("/credits", {"amount": 1, "reference": ""}, 422),
        ("/credits", {"amount": 1, "reference": "a b"}, 422),
        ("/credits", {"amount": 0, "reference": "a"}, 422),
        ("/credits", {"amount": -1, "reference": "a"}, 422),
        ("/credits", {"amount": True, "reference": "a"}, 422),
        ("/credits", {"amount": 0.0000001, "reference": "a"}, 422),
        ("/credits", {"amount": 1e300, "reference": "a"}, 422),
        ("/credits", {"amount": "1e3", "reference": "a"}, 422),
        ("/credits", {"amount": 100_000_000, "reference": "a"}, 422),  # more than the maximum balance of a profile
        ("/adjustments", {"amount": 1, "reference": "a"}, 422),  # no note
        ("/adjustments", {"amount": -100.000001, "reference": "a", "note": "x"}, 422),
    ],
)
def test_money_that_makes_no_sense_is_refused(
    client: GatewayClient, path: str, body: dict[str, Any], status: int
) -> None:
    answer = ask(client, "POST", f"/profiles/{client.profile_id}{path}", body)
    assert answer.status_code == status, answer.text
    assert client.balance()["credits"] == 100.0


def test_a_float_is_booked_digit_by_digit(client: GatewayClient) -> None:
    path = f"/profiles/{client.profile_id}/credits"
    for number, amount in enumerate((0.1, 0.2, 0.000001, 1e-6, 12345.678901)):
        assert ok(ask(client, "POST", path, {"amount": amount, "reference": str(number)}), 201)["tokens"] == amount


def test_a_profile_that_is_not_there_is_404(client: GatewayClient) -> None:
    for method, path, body in (
        ("GET", "/profiles/prof_x", None),
        ("POST", "/profiles/prof_x/credits", {"amount": 1, "reference": "a"}),
        ("POST", "/profiles/prof_x/suspend", None),
        ("DELETE", "/profiles/prof_x", None),
        ("POST", "/refunds", {"request_id": "req_x", "reference": "a"}),
        ("DELETE", "/keys/key_x", None),
    ):
        assert ask(client, method, path, body).status_code == 404, path


def test_lists_come_in_pages_and_what_is_stored_is_counted(client: GatewayClient) -> None:
    other = client.another_customer()
    slot = other.upload(b"x" * 1000)
    assert len(other.get("/v1/media").json()["data"]) == 1  # a gateway on S3 counts it from this look
    first = ask(client, "GET", "/profiles?limit=1").json()
    assert [row["id"] for row in first["data"]] == [other.profile_id]
    second = ask(client, "GET", f"/profiles?limit=1&cursor={first['next_cursor']}").json()
    assert [row["id"] for row in second["data"]] == [client.profile_id]
    assert second["next_cursor"] is None
    rows = {row["profile_id"]: row for row in ask(client, "GET", "/stored").json()["data"]}
    assert (rows[other.profile_id]["uploads"], rows[other.profile_id]["upload_bytes"]) == (1, 1000)
    assert rows[client.profile_id]["uploads"] == 0
    ok(ask(client, "DELETE", f"/profiles/{other.profile_id}"))
    assert client.http.get(slot["public_url"]).status_code == 404
    assert other.get("/v2/billing/balance").status_code == 401


@pytest.mark.parametrize("field", ["request_id", "ledger_id"])
def test_an_id_with_a_nul_is_refused_before_the_database_is_asked(client: GatewayClient, field: str) -> None:
    answer = ask(client, "POST", "/refunds", {field: "led_\x00", "reference": "a"})
    assert answer.status_code == 422  # Postgres rejects a NUL in text
    assert error_of(answer)["code"] == "validation_failed"
