"""An Idempotency-Key belongs to the profile, method and path, so a rotated API key gets the first response too."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from voxport.billing.verify import verify
from voxport.idempotency.claim import IdempotentRequest

TTS = "/v1/proxy/core-tts"
SPEECH: dict[str, Any] = {"text": "Hello, is this thing on?", "voice_id": "hum"}


def send(client: GatewayClient, api_key: str, key: str = "first", body: Any = SPEECH) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": key}
    return client.http.post(TTS, json=body, headers=headers)


def rotated(client: GatewayClient) -> str:
    answer = client.post(f"/v2/keys/{client.key_id}/rotate")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["key"])


@pytest.fixture
def env_on_both(make_gateway: MakeGateway, database_url: str) -> tuple[FakeProviderEnv, GatewayClient]:
    fake_env = with_fake_provider(make_gateway, database_url=database_url)
    return fake_env, open_client(fake_env.gateway)


def test_a_call_sent_again_with_the_rotated_api_key_is_replayed_and_not_charged(
    env_on_both: tuple[FakeProviderEnv, GatewayClient],
) -> None:
    fake_env, client = env_on_both
    assert send(client, client.key).status_code == 200
    successor = rotated(client)
    again = send(client, successor)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, "true")
    assert error_of(send(client, successor, body={**SPEECH, "text": "Other."}))["code"] == "idempotency_mismatch"
    assert len(fake_env.provider.requests) == 1
    assert client.balance()["credits"] == 99.99
    assert verify(client.gateway.database) == []


def test_a_call_under_way_holds_its_key_against_the_profiles_other_api_keys(
    env_on_both: tuple[FakeProviderEnv, GatewayClient],
) -> None:
    fake_env, client = env_on_both
    successor = rotated(client)
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        inside.set()
        assert go_on.wait(20)

    fake_env.provider.on_piece = wait
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(send, client, client.key)
        assert inside.wait(20)
        second = send(client, successor)
        go_on.set()
        assert first.result(20).status_code == 200
    assert (second.status_code, error_of(second)["code"]) == (409, "idempotency_in_flight")
    assert send(client, successor).headers["Idempotent-Replayed"] == "true"
    assert len(fake_env.provider.requests) == 1


def test_another_profile_with_the_same_key_makes_its_own_call(
    env_on_both: tuple[FakeProviderEnv, GatewayClient],
) -> None:
    fake_env, client = env_on_both
    other = client.another_customer()
    assert "Idempotent-Replayed" not in send(client, client.key).headers
    assert "Idempotent-Replayed" not in send(other, other.key).headers
    assert len(fake_env.provider.requests) == 2


def test_answers_kept_before_the_scope_was_the_profile_are_found_and_the_older_wins(
    env_on_both: tuple[FakeProviderEnv, GatewayClient],
) -> None:
    fake_env, client = env_on_both
    second_key = client.post("/v2/keys", {}).json()["data"]
    answers = [send(client, client.key, "one"), send(client, client.key, "two")]
    asked = IdempotentRequest(client.profile_id, "", "POST", TTS, "first", b"")
    with client.gateway.database.transaction() as tx:
        # Rewrite the rows as two API keys of the profile left them, which both used the Idempotency-Key `first`.
        rows = list(tx.execute(text("SELECT sequence FROM kept_answers ORDER BY sequence")).scalars())
        for sequence, key_id in zip(rows, (second_key["id"], client.key_id), strict=True):
            values = {"scope": asked.scope_of_key(key_id), "sequence": sequence}
            tx.execute(text("UPDATE kept_answers SET scope = :scope WHERE sequence = :sequence"), values)
    for api_key in (client.key, second_key["key"]):
        again = send(client, api_key)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json()["data"]["key"] == answers[0].json()["data"]["key"]
    assert len(fake_env.provider.requests) == 2


@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_a_replay_of_a_call_whose_file_was_deleted_says_so(
    customer: GatewayClient, fake_env: FakeProviderEnv, output_format: str
) -> None:
    body = {**SPEECH, "output_format": output_format}
    key = send(customer, customer.key, body=body).json()["data"]["key"]
    assert customer.delete(f"/v1/media/{key}").status_code == 200
    again = send(customer, customer.key, body=body)
    assert (again.status_code, error_of(again)["code"]) == (409, "idempotency_consumed")
    assert "deleted" in error_of(again)["message"]
    assert error_of(again)["details"]["key"] == key
    assert len(fake_env.provider.requests) == 1
    assert customer.balance()["credits"] == 99.99
