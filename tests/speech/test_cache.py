"""core-tts answered with the file of an identical earlier call, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from tests.support.jobs import work
from voxport.audit.service import CLI
from voxport.billing.money import to_micro
from voxport.billing.verify import verify
from voxport.gateway import open_gateway

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
BODY: dict[str, Any] = {"text": "The ferry leaves the island at seven.", "voice_id": "hum"}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def caching(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProviderEnv]:
    """A gateway with the cache on, once on SQLite and once on Postgres."""
    folder = tmp_path_factory.mktemp("caching")
    url = f"sqlite:///{folder / 'voxport.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database()
    settings = settings_for(folder, database_url=url, speech_cache=True)
    env = with_fake_provider(lambda **options: open_gateway(settings, **options))
    env.provider.settings = ("speed", "stability")
    yield env
    env.gateway.close()


@pytest.fixture(scope="module")
def first_customer(caching: FakeProviderEnv) -> GatewayClient:
    return open_client(caching.gateway)


@pytest.fixture
def client(first_customer: GatewayClient) -> GatewayClient:
    return first_customer.another_customer()


def spoken(client: GatewayClient, **changes: Any) -> httpx2.Response:
    answer = client.post(TTS, {**BODY, **changes})
    assert answer.status_code == 200, answer.text
    return answer


def is_hit(answer: httpx2.Response) -> bool:
    assert answer.headers.get("X-Gateway-Cache") in (None, "hit")
    return "X-Gateway-Cache" in answer.headers


def key_of(answer: httpx2.Response) -> str:
    key: str = answer.json()["data"]["key"]
    return key


def cloned(env: FakeProviderEnv, client: GatewayClient) -> str:
    body = {"audioUrl": client.upload()["public_url"], "provider": "local"}
    job_id = client.post(CLONE, body).json()["job"]["id"]
    work(client, job_id)
    voice_id: str = client.get(f"/v2/jobs/{job_id}").json()["result_data"]["voice_id"]
    return voice_id


def rows(client: GatewayClient) -> int:
    with client.gateway.database.snapshot() as tx:
        query = text("SELECT count(*) FROM speech_cache WHERE profile_id = :id")
        count: int = tx.execute(query, {"id": client.profile_id}).scalar_one()
    return count


def charges(client: GatewayClient) -> int:
    return sum(row["kind"] == "capture" for row in client.get("/v2/billing/ledger").json()["data"])


# What must not be answered from the cache


def test_a_deleted_file_answers_no_more_and_does_not_come_back(client: GatewayClient) -> None:
    first = spoken(client)
    assert is_hit(spoken(client))
    assert client.delete(f"/v1/media/{key_of(first)}").status_code == 200
    assert rows(client) == 0
    again = spoken(client)
    assert not is_hit(again)
    assert key_of(again) != key_of(first)
    assert client.http.get(first.json()["data"]["url"]).status_code == 404
    assert is_hit(spoken(client))


def test_a_file_that_was_removed_from_the_storage_by_hand_answers_no_more(client: GatewayClient) -> None:
    first = spoken(client)
    client.gateway.storage.delete(key_of(first))
    again = spoken(client)
    assert not is_hit(again)
    assert client.http.get(again.json()["data"]["url"]).status_code == 200
    assert key_of(spoken(client)) == key_of(again)


def test_a_file_that_was_damaged_in_the_storage_answers_no_more(client: GatewayClient) -> None:
    client.gateway.storage.put(key_of(spoken(client)), b"half of it")
    assert not is_hit(spoken(client))


def test_a_deleted_voice_answers_no_more(client: GatewayClient, caching: FakeProviderEnv) -> None:
    voice_id = cloned(caching, client)
    spoken(client, voice_id=voice_id)
    spoken(client)
    assert is_hit(spoken(client, voice_id=voice_id))
    assert rows(client) == 2
    assert client.delete(f"/v1/voices/{voice_id}").status_code == 200
    assert rows(client) == 1
    assert client.post(TTS, {**BODY, "voice_id": voice_id}).status_code == 404
    assert is_hit(spoken(client))


def test_another_profile_never_gets_the_file(client: GatewayClient) -> None:
    first = spoken(client)
    other = client.another_customer()
    assert not is_hit(spoken(other))
    assert key_of(spoken(other)) != key_of(first)
    assert is_hit(spoken(client))


CHANGES: list[dict[str, Any]] = [
    {"text": BODY["text"].lower()},
    {"text": BODY["text"] + " "},
    {"language": "fr-fr"},
    {"output_format": "wav"},
    {"voice_settings": {"speed": 1.1}},
    {"voice_settings": {"stability": 0.4}},
    {"voice_settings": {"speed": 1.0}},
    {"voice_id": "drone"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change))
def test_another_call_is_spoken(client: GatewayClient, caching: FakeProviderEnv, change: dict[str, Any]) -> None:
    (hum, *_) = caching.provider.stock
    caching.provider.stock = [hum, type(hum)("drone", "Drone", "en-us", None)]
    spoken(client)
    assert not is_hit(spoken(client, **change))
    assert is_hit(spoken(client, **change))
    assert is_hit(spoken(client))


def test_what_does_not_change_the_sound_does_not_matter(client: GatewayClient) -> None:
    spoken(client, voice_settings={"speed": 1, "stability": 0.5})
    same = {"voice_settings": {"stability": 0.5, "speed": 1.0}, "folder_id": "mine"}
    hit = spoken(client, **same, language="en-us", output_format="mp3", provider="local")
    assert is_hit(hit)
    assert (hit.json()["data"]["folder_id"], hit.json()["data"]["language"]) == ("mine", "en-us")
    assert is_hit(spoken(client, **same, provider="auto", language="EN-US"))


def test_a_request_that_refuses_the_cache_is_spoken_and_its_file_answers_nobody(client: GatewayClient) -> None:
    refused = spoken(client, cache=False)
    assert rows(client) == 0
    kept = spoken(client)
    assert not is_hit(kept)
    another = spoken(client, cache=False)
    assert not is_hit(another)
    assert len({key_of(refused), key_of(kept), key_of(another)}) == 3
    assert key_of(spoken(client, cache=True)) == key_of(kept)


@pytest.mark.parametrize("value", ["false", 0, 1, None, [], "no"])
def test_cache_takes_only_true_and_false(client: GatewayClient, value: Any) -> None:
    answer = client.post(TTS, {**BODY, "cache": value})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "cache"]


def test_streams_and_jobs_are_neither_answered_from_it_nor_kept_in_it(client: GatewayClient) -> None:
    assert not is_hit(spoken(client, stream=True))
    job = client.post(TTS, BODY, headers={"Prefer": "respond-async"})
    work(client, job.json()["job"]["id"])
    assert rows(client) == 0
    spoken(client)
    assert not is_hit(spoken(client, stream=True))
    assert client.post(TTS, BODY, headers={"Prefer": "respond-async"}).status_code == 202
    assert rows(client) == 1


def test_a_failed_call_leaves_nothing_to_answer_with(client: GatewayClient, caching: FakeProviderEnv) -> None:
    caching.provider.samples = 0
    try:
        assert client.post(TTS, BODY).status_code == 502
    finally:
        caching.provider.samples = 24_000
    assert rows(client) == 0
    assert not is_hit(spoken(client))


def test_an_erased_profile_leaves_no_row(client: GatewayClient, caching: FakeProviderEnv) -> None:
    spoken(client, voice_id=cloned(caching, client))
    spoken(client)
    other = client.another_customer()
    spoken(other)
    assert client.gateway.erasure.erase(client.profile_id, actor=CLI).left == []
    assert (rows(client), rows(other)) == (0, 1)
    assert is_hit(spoken(other))


def test_a_suspended_profile_gets_no_answer(client: GatewayClient) -> None:
    spoken(client)
    with client.gateway.database.transaction() as tx:
        client.gateway.accounts.suspend(tx, client.profile_id, actor=CLI)
    assert client.post(TTS, BODY).status_code == 403


# What a hit is


def test_a_hit_is_the_first_file_at_no_cost(client: GatewayClient, caching: FakeProviderEnv) -> None:
    caching.provider.samples = 50_400  # 2.1 s
    try:
        first = spoken(client)
    finally:
        caching.provider.samples = 24_000
    before, asked = client.balance(), len(caching.provider.requests)
    hit = spoken(client)
    assert is_hit(hit)
    assert not is_hit(first)
    assert len(caching.provider.requests) == asked
    data = hit.json()["data"]
    assert {**data, "url": ""} == {**first.json()["data"], "url": ""}
    assert data["duration_seconds"] == 2.1
    assert hit.json()["usage"] == {"units": 0.0, "unit_type": "second"}
    assert hit.json()["cost"] == {"units": 0.0, "unit_price": 0.01, "tokens": 0.0, "balance": before["balance"]}
    assert client.http.get(data["url"]).content == client.http.get(first.json()["data"]["url"]).content
    assert client.balance() == before
    assert charges(client) == 1
    assert client.get("/v2/billing/usage").json()["data"][0]["calls"] == 1
    assert len(client.get("/v1/media?kind=speech").json()["data"]) == 1
    assert client.get(f"/v2/billing/requests/{hit.headers['X-Gateway-Request-ID']}").status_code == 404
    assert verify(client.gateway.database) == []


def test_a_hit_needs_no_credits(client: GatewayClient) -> None:
    spoken(client)
    with client.gateway.database.transaction() as tx:
        rest = -to_micro(Decimal(str(client.balance()["balance"])))
        client.gateway.adjustments.adjust(tx, client.profile_id, rest, note="spent", actor=CLI)
    assert client.balance()["balance"] == 0
    hit = spoken(client)
    assert is_hit(hit)
    assert hit.json()["cost"]["balance"] == 0
    repeated = [client.post(TTS, BODY, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [one.status_code for one in repeated] == [200, 200]
    assert client.post(TTS, {**BODY, "cache": False}).status_code == 402


def test_an_idempotency_key_stores_the_hit_and_replays_it(client: GatewayClient) -> None:
    spoken(client)
    before = client.balance()
    keyed = {"Idempotency-Key": "once"}
    first, second = client.post(TTS, BODY, headers=keyed), client.post(TTS, BODY, headers=keyed)
    assert (is_hit(first), is_hit(second)) == (True, True)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json()["cost"] == first.json()["cost"]
    assert client.http.get(second.json()["data"]["url"]).status_code == 200
    assert client.post(TTS, {**BODY, "text": "Other."}, headers=keyed).status_code == 422
    cost = client.get(f"/v2/billing/requests/{first.headers['X-Gateway-Request-ID']}").json()["data"]
    assert (cost["status"], cost["tokens"], cost["units"]) == ("released", 0, 0)
    assert client.delete(f"/v1/media/{key_of(first)}").status_code == 200
    assert client.post(TTS, BODY, headers=keyed).status_code == 409
    assert client.balance() == before
    assert charges(client) == 1
    assert verify(client.gateway.database) == []


def test_the_response_of_a_spoken_call_is_replayed_as_it_was(client: GatewayClient) -> None:
    keyed = {"Idempotency-Key": "once"}
    first, second = client.post(TTS, BODY, headers=keyed), client.post(TTS, BODY, headers=keyed)
    assert (is_hit(first), is_hit(second)) == (False, False)
    assert second.json()["cost"] == first.json()["cost"]
    assert is_hit(spoken(client))


def test_two_identical_calls_at_once_are_both_spoken_and_later_ones_take_the_newest(
    client: GatewayClient, caching: FakeProviderEnv
) -> None:
    together = threading.Barrier(2)

    def wait_for_the_other(_: int) -> None:
        together.wait(30)

    caching.provider.on_piece = wait_for_the_other
    try:
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: spoken(client), range(2)))
    finally:
        caching.provider.on_piece = lambda _: None
    keys = {key_of(one) for one in both}
    assert (len(keys), rows(client), charges(client)) == (2, 2, 2)
    newest = key_of(spoken(client))
    assert newest in keys
    assert client.delete(f"/v1/media/{newest}").status_code == 200
    (older,) = keys - {newest}
    hit = spoken(client)
    assert (is_hit(hit), key_of(hit)) == (True, older)
    assert verify(client.gateway.database) == []


def test_many_hits_at_once_are_all_answered(client: GatewayClient) -> None:
    first = key_of(spoken(client))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: spoken(client), range(40)))
    assert {key_of(one) for one in answers} == {first}
    assert charges(client) == 1


def test_an_estimate_takes_the_field_and_says_what_speaking_costs(client: GatewayClient) -> None:
    spoken(client)
    for body in (BODY, {**BODY, "cache": False}):
        answer = client.post("/v1/estimate", body)
        assert answer.status_code == 200
        assert answer.json()["data"]["tokens"] > 0
        assert not is_hit(answer)
