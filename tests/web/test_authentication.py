"""Which keys are accepted, and that an unauthenticated caller learns nothing."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of
from voxport.accounts.keys import new_key

BALANCE = "/v2/billing/balance"
GUARDED = [
    ("POST", "/v1/proxy/upload-media"),
    ("POST", "/v1/proxy/core-voice-clone"),
    ("POST", "/v1/proxy/core-instant-clone-tts"),
    ("POST", "/v1/proxy/core-tts"),
    ("GET", "/v1/proxy/core-tts-voices"),
    ("GET", "/v1/voices/af_heart"),
    ("PATCH", "/v1/voices/af_heart"),
    ("DELETE", "/v1/voices/af_heart"),
    ("GET", "/v2/jobs"),
    ("GET", "/v2/jobs/00000000-0000-0000-0000-000000000000"),
    ("POST", "/v2/jobs/00000000-0000-0000-0000-000000000000/cancel"),
    ("GET", "/v2/jobs/00000000-0000-0000-0000-000000000000/events"),
    ("GET", "/v2/webhooks/deliveries"),
    ("GET", "/v2/webhooks/deliveries/msg_0"),
    ("POST", "/v2/webhooks/deliveries/msg_0/resend"),
    ("GET", "/v2/webhooks/secret"),
    ("POST", "/v2/webhooks/secret/rotate"),
    ("GET", "/v2/billing/alert"),
    ("PUT", "/v2/billing/alert"),
    ("DELETE", "/v2/billing/alert"),
    ("GET", "/v2/billing/balance"),
    ("GET", "/v2/billing/ledger"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_endpoint_refuses_a_call_without_a_key(client: GatewayClient, method: str, path: str) -> None:
    answer = client.http.request(method, path)
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_the_key_is_checked_before_the_body(client: GatewayClient, method: str, path: str) -> None:
    answer = client.http.request(
        method, path, content=b"{not json", headers={"Authorization": "Bearer nonsense", "Content-Type": "x/y"}
    )
    assert answer.status_code == 401
    assert "detail" not in answer.json()


def test_a_bearer_key_is_let_in(client: GatewayClient) -> None:
    assert client.http.get(BALANCE, headers={"Authorization": f"Bearer {client.key}"}).status_code == 200


def test_the_scheme_may_be_in_any_case_and_followed_by_blanks(client: GatewayClient) -> None:
    assert client.http.get(BALANCE, headers={"Authorization": f"bEARER   {client.key}"}).status_code == 200


def test_x_api_key_is_let_in_too(client: GatewayClient) -> None:
    assert client.http.get(BALANCE, headers={"X-API-Key": client.key}).status_code == 200


SCHEMES = ["Basic dXNlcjpwYXNz", "Token {key}", "{key}", "Bearer", "Bearer ", "Digest {key}"]


@pytest.mark.parametrize("value", SCHEMES)
def test_another_scheme_or_none_is_refused(client: GatewayClient, value: str) -> None:
    answer = client.http.get(BALANCE, headers={"Authorization": value.format(key=client.key)})
    assert answer.status_code == 401
    assert "Authorization: Bearer" in error_of(answer)["message"]


def test_another_scheme_may_be_for_a_proxy_in_front_and_the_key_in_x_api_key(client: GatewayClient) -> None:
    headers = {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": client.key}
    assert client.http.get(BALANCE, headers=headers).status_code == 200


def test_a_wrong_bearer_key_is_not_saved_by_a_good_x_api_key(client: GatewayClient) -> None:
    headers = {"Authorization": f"Bearer {new_key()}", "X-API-Key": client.key}
    assert client.http.get(BALANCE, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "key",
    ["hello", "vxp_", "vxp_short", "sk-0123456789", "vxp_" + "ä" * 38, "vxp_" + "a" * 10_000, "' OR 1=1 --"],
    ids=["a word", "the prefix", "too short", "foreign", "letters beyond ascii", "far too long", "sql"],
)
def test_a_malformed_key_is_refused(client: GatewayClient, key: str) -> None:
    answer = client.http.get(BALANCE, headers=[(b"Authorization", b"Bearer " + key.encode("latin-1"))])
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "unauthenticated"


def test_a_mistyped_key_is_told_from_an_unknown_one(client: GatewayClient) -> None:
    wrong_letter = "0" if client.key[10] != "0" else "1"
    mistyped = client.key[:10] + wrong_letter + client.key[11:]
    answer = client.http.get(BALANCE, headers={"X-API-Key": mistyped})
    assert answer.status_code == 401
    assert "mistyped" in error_of(answer)["message"]

    answer = client.http.get(BALANCE, headers={"X-API-Key": new_key()})
    assert answer.status_code == 401
    assert "not known" in error_of(answer)["message"]


def test_a_cut_key_is_called_mistyped(client: GatewayClient) -> None:
    answer = client.http.get(BALANCE, headers={"X-API-Key": client.key[:-1]})
    assert "mistyped" in error_of(answer)["message"]


def test_a_revoked_key_is_refused_at_once_and_says_so(client: GatewayClient) -> None:
    with client.gateway.database.transaction() as tx:
        assert client.gateway.accounts.revoke_key(tx, client.key_id)
    answer = client.get(BALANCE)
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "key_revoked"


def test_one_key_of_a_profile_is_revoked_and_the_other_lives(client: GatewayClient) -> None:
    with client.gateway.database.transaction() as tx:
        _, second = client.gateway.accounts.create_key(tx, client.profile_id, "second")
        client.gateway.accounts.revoke_key(tx, client.key_id)
    assert client.http.get(BALANCE, headers={"X-API-Key": second}).status_code == 200


def test_no_refusal_repeats_the_key(client: GatewayClient) -> None:
    wrong = client.key[:-2] + ("00" if client.key[-2:] != "00" else "11")
    answer = client.http.get(BALANCE, headers={"X-API-Key": wrong})
    assert wrong not in answer.text
    assert wrong[:12] not in answer.text


def test_health_and_documents_need_no_key(client: GatewayClient) -> None:
    assert client.http.get("/healthz").json() == {"status": "ok"}
    assert client.http.get("/docs").status_code == 200
    assert client.http.get("/openapi.json").status_code == 200
