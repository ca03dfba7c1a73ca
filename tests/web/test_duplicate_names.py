"""A field, parameter or header that occurs twice is refused as ambiguous; one key sent twice counts once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from voxport.accounts.keys import new_key
from voxport.web.json_body import _reject_duplicates

BALANCE = "/v2/billing/balance"
TTS = "/v1/proxy/core-tts"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"text": "a", "text": "b", "voice_id": "hum"}', "text"),
        ('{"text": "a", "text": "a", "voice_id": "hum"}', "text"),
        ('{"text": "a", "te\\u0078t": "b", "voice_id": "hum"}', "text"),
        ('{"text": "a", "voice_id": "hum", "voice_settings": {"speed": 1.0, "speed": 2.0}}', "speed"),
        ('{"unknown": 1, "unknown": 2}', "unknown"),
        ('{"a": [[{"b": 1}, {"c": {"d": 1, "d": 2}}]]}', "d"),
        ('{"": 1, "": 2}', ""),
        ('{"\\ud800": 1, "\\ud800": 2}', "?"),
        ('{"' + "x" * 5_000 + '": 1, "' + "x" * 5_000 + '": 2}', "x" * 100),
    ],
)
def test_a_field_that_stands_twice_is_refused_by_name(customer: GatewayClient, body: str, field: str) -> None:
    answer = customer.post_raw(TTS, body.encode())
    assert answer.status_code == 422
    assert f"`{field}` stands twice" in error_of(answer)["message"]
    assert answer.json()["detail"][0]["loc"] == ["body", field]
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_it_is_refused_before_its_idempotency_key_is_looked_at(customer: GatewayClient) -> None:
    headers = {**customer.headers, "Idempotency-Key": "k", "Content-Type": "application/json"}
    assert customer.http.post(TTS, content=b'{"text": "a", "text": "b"}', headers=headers).status_code == 422
    body = {"text": "a", "voice_id": "hum"}
    assert customer.post(TTS, body, headers={"Idempotency-Key": "k"}).status_code == 200


def test_a_large_body_is_looked_through_too(customer: GatewayClient) -> None:
    answer = customer.post_raw(TTS, b'{"text": "' + b"a" * 50_000 + b'", "text": "b"}')
    assert (answer.status_code, "`text` stands twice" in answer.text) == (422, True)
    assert "twice" not in customer.post_raw(TTS, b'{"text": "' + b"a" * 50_000 + b'"}').text


def test_one_name_in_two_objects_is_no_repetition(customer: GatewayClient) -> None:
    body = b'{"text": "a", "voice_id": "hum", "voice_settings": {"speed": 1.0}, "folder_id": "text"}'
    assert customer.post_raw(TTS, body).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b"\xff", b'{"text": "a"'])
def test_what_is_no_json_is_told_as_ever(customer: GatewayClient, body: bytes) -> None:
    answer = customer.post_raw(TTS, body)
    assert answer.status_code in (400, 422)
    assert "twice" not in error_of(answer)["message"]


def test_the_operators_bodies_are_checked_too(make_client: Any) -> None:
    client: GatewayClient = make_client(admin_key="an operator's key of more than 32 letters")
    headers = {"X-API-Key": "an operator's key of more than 32 letters", "Content-Type": "application/json"}
    body = b'{"name": "a", "name": "b"}'
    answer = client.http.post("/v2/admin/profiles", content=body, headers=headers)
    assert (answer.status_code, "`name` stands twice" in answer.text) == (422, True)


def test_the_check_costs_a_usual_body_less_than_a_millisecond() -> None:
    body = json.dumps({"text": "word " * 1000, "voice_id": "hum", "voice_settings": {"speed": 1.0}}).encode()

    def best(**options: Any) -> float:
        found = []
        for _ in range(50):
            began = time.perf_counter()
            json.loads(body, **options)
            found.append(time.perf_counter() - began)
        return min(found)

    assert best(object_pairs_hook=_reject_duplicates) - best() < 0.001


# Keys


def keys(*headers: tuple[str, str]) -> Any:
    return list(headers)


def test_two_different_keys_are_refused(client: GatewayClient) -> None:
    other = client.post("/v2/keys", {}).json()["data"]["key"]
    for pair in [
        (("Authorization", f"Bearer {client.key}"), ("X-API-Key", other)),
        (("Authorization", f"Bearer {client.key}"), ("Authorization", f"Bearer {other}")),
        (("X-API-Key", client.key), ("X-API-Key", other)),
        (("X-API-Key", client.key), ("Authorization", f"bearer {new_key()}")),
    ]:
        answer = client.http.get(BALANCE, headers=keys(*pair))
        assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthenticated")
        assert "Two different API keys" in error_of(answer)["message"]
        assert client.key[:12] not in answer.text


def test_the_same_key_twice_is_one(client: GatewayClient) -> None:
    for pair in [
        (("Authorization", f"Bearer {client.key}"), ("X-API-Key", client.key)),
        (("Authorization", f"Bearer {client.key}"), ("Authorization", f"bearer  {client.key} ")),
        (("X-API-Key", client.key), ("X-API-Key", f" {client.key}")),
        (("Authorization", "Basic dTpw"), ("Authorization", f"Bearer {client.key}")),
    ]:
        assert client.http.get(BALANCE, headers=keys(*pair)).status_code == 200


def test_a_parameter_that_stands_twice_is_refused_by_name(client: GatewayClient) -> None:
    for query, name in (("limit=1&limit=2", "limit"), ("limit=1&cursor=&%6Cimit=2", "limit"), ("x=1&x=1", "x")):
        answer = client.get(f"/v2/jobs?{query}")
        assert (answer.status_code, f"`{name}` stands twice" in error_of(answer)["message"]) == (422, True)
    assert client.get("/v2/jobs?limit=1&status=queued&").status_code == 200


def test_two_content_types_are_refused(client: GatewayClient) -> None:
    headers = keys(*client.headers.items(), ("Content-Type", "application/json"), ("Content-Type", "text/plain"))
    answer = client.http.post(TTS, content=b"{}", headers=headers)
    assert (answer.status_code, "Content-Type" in error_of(answer)["message"]) == (400, True)
