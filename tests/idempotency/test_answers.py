"""The same call repeated with its Idempotency-Key is charged once and gets the first response again."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.errors import ProviderFailed
from voxport.idempotency.service import Idempotency
from voxport.providers.base import SAMPLE_RATE
from voxport.storage.base import StorageUnavailable

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
SPEECH: dict[str, Any] = {"text": "Hello, is this thing on?", "voice_id": "hum"}


def repeat(client: GatewayClient, path: str, body: Any, key: str = "first", **headers: str) -> httpx2.Response:
    named = {"Idempotency-Key": key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.request("POST", path, json=body, headers=named)


def call_headers(answer: httpx2.Response) -> dict[str, str]:
    """The headers that describe the call."""
    return {name: value for name, value in answer.headers.items() if name.startswith(("x-", "location", "retry"))}


def without_id(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-gateway-request-id"}


def is_settled(client: GatewayClient) -> bool:
    return verify(client.gateway.database) == [] and client.balance()["held"] == 0


def test_speech_is_answered_again_with_a_fresh_url_and_the_balance_as_it_was(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    first = repeat(customer, TTS, SPEECH)
    assert first.status_code == 200, first.text
    assert "Idempotent-Replayed" not in first.headers
    customer.post(TTS, SPEECH)
    second = repeat(customer, TTS, SPEECH)
    assert second.status_code == 200
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["X-Gateway-Request-ID"] != first.headers["X-Gateway-Request-ID"]
    url = second.json()["data"].pop("url")
    body = first.json()
    body["data"].pop("url")
    assert {**second.json(), "data": {k: v for k, v in second.json()["data"].items() if k != "url"}} == body
    assert customer.http.get(url).content == customer.http.get(first.json()["data"]["url"]).content
    assert len(fake_env.provider.requests) == 2
    assert is_settled(customer)


def test_an_instant_clone_is_answered_again_byte_for_byte(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.samples.warnings = ("It is a little noisy.",)
    body = {"audioUrl": customer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    first = repeat(customer, INSTANT, body)
    assert first.status_code == 200, first.text
    customer.post(TTS, SPEECH)
    second = repeat(customer, INSTANT, body)
    assert second.content == first.content
    assert without_id(call_headers(second)) == without_id(call_headers(first))
    assert second.headers["Content-Type"] == "audio/wav"
    assert second.headers["Content-Length"] == first.headers["Content-Length"]
    assert second.headers["X-Voxport-Warnings"] == "It is a little noisy."
    assert customer.balance()["credits"] == 98 - 0.01
    assert is_settled(customer)


@pytest.mark.parametrize("path", [CLONE, TTS])
def test_a_job_is_queued_once(customer: GatewayClient, path: str) -> None:
    upload = customer.upload()["public_url"]
    body = {"audioUrl": upload, "provider": "local"} if path == CLONE else SPEECH
    first = repeat(customer, path, body, Prefer="respond-async")
    second = repeat(customer, path, body, Prefer="respond-async")
    assert first.status_code == second.status_code == 202, first.text
    assert second.json() == first.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers.get("Preference-Applied") == first.headers.get("Preference-Applied")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(customer.get("/v2/jobs").json()["data"]) == 1


def test_a_binding_is_queued_once_for_each_voice(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    answers = [repeat(customer, "/v1/voices/nobody/bindings", {"provider": "local"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("output_format", ["mp3", "wav", "ogg"])
def test_a_stream_is_answered_again_byte_for_byte(
    customer: GatewayClient, fake_env: FakeProviderEnv, output_format: str
) -> None:
    body = {**SPEECH, "stream": True, "output_format": output_format}
    first = repeat(customer, TTS, body)
    assert first.status_code == 200, first.text
    second = repeat(customer, TTS, body)
    assert second.content == first.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert without_id(call_headers(second)) == without_id(call_headers(first))
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(fake_env.provider.requests) == 1
    assert is_settled(customer)


@pytest.mark.slow
def test_a_stream_that_broke_off_is_not_spoken_again(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.samples, fake_env.provider.pieces = 60 * SAMPLE_RATE, 60
    body = {**SPEECH, "stream": True, "output_format": "wav"}
    with serving(customer) as port:
        headers = {**customer.headers, "Idempotency-Key": "first"}
        fake_env.provider.on_piece = lambda _: time.sleep(0.05)
        with httpx2.stream("POST", f"http://127.0.0.1:{port}{TTS}", json=body, headers=headers) as answer:
            next(answer.iter_raw())
        wait_until(lambda: customer.balance()["held"] == 0, seconds=20, what="the end of the hold")
    second = repeat(customer, TTS, body)
    assert second.status_code == 409
    error = error_of(second)
    assert error["code"] == "idempotency_consumed"
    cost = customer.get(f"/v2/billing/requests/{error['details']['request_id']}").json()["data"]
    assert cost["status"] == "captured"
    assert 0 < cost["tokens"] < 0.6
    assert is_settled(customer)


def test_audio_that_is_too_long_to_be_kept_is_not_spoken_again(fake_env: FakeProviderEnv) -> None:
    parts = fake_env.gateway
    kept = Idempotency(
        parts.database,
        parts.billing,
        parts.media,
        parts.storage,
        parts.provider_calls.release_dead_owners,
        max_bytes=10_000,
    )
    customer = open_client(dataclasses.replace(parts, idempotency=kept))
    body = {"audioUrl": customer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    assert repeat(customer, INSTANT, body).status_code == 200
    assert error_of(repeat(customer, INSTANT, body))["code"] == "idempotency_consumed"
    stream = {**SPEECH, "stream": True, "output_format": "wav"}
    assert repeat(customer, TTS, stream).status_code == 200
    assert error_of(repeat(customer, TTS, stream))["code"] == "idempotency_consumed"
    assert is_settled(customer)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({**SPEECH, "text": "Another text."}, {}),
        ({**SPEECH, "output_format": "wav"}, {}),
        (SPEECH, {"Prefer": "respond-async"}),
    ],
)
def test_another_request_with_the_key_is_refused(
    customer: GatewayClient, body: dict[str, Any], headers: dict[str, str]
) -> None:
    repeat(customer, TTS, SPEECH)
    answer = repeat(customer, TTS, body, **headers)
    assert answer.status_code == 422
    assert error_of(answer)["code"] == "idempotency_mismatch"


def test_the_same_json_in_another_order_is_the_same_request(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    repeat(customer, TTS, SPEECH)
    answer = repeat(customer, TTS, dict(reversed(SPEECH.items())))
    assert answer.headers["Idempotent-Replayed"] == "true"


def test_a_key_belongs_to_one_profile_and_one_path(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    repeat(customer, TTS, SPEECH)
    other = customer.another_customer()
    assert "Idempotent-Replayed" not in repeat(other, TTS, SPEECH).headers
    instant = {"audioUrl": customer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    assert "Idempotent-Replayed" not in repeat(customer, INSTANT, instant).headers
    assert len(fake_env.provider.requests) == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "k" * 256, "a\tb"])
def test_a_key_that_can_be_none_is_refused_with_what_would_be_one(customer: GatewayClient, key: str) -> None:
    headers = [*customer.headers.items(), ("Idempotency-Key", key.encode("latin-1"))]
    answer = customer.http.post(TTS, json=SPEECH, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert "UUID" in error_of(answer)["message"]
    twice = customer.http.post(TTS, json=SPEECH, headers=[*customer.headers.items(), *[("Idempotency-Key", "a")] * 2])
    assert twice.status_code == 422


def test_a_call_that_failed_may_be_tried_again_with_its_key_also_with_another_body(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    assert repeat(customer, TTS, SPEECH).status_code == 502
    assert repeat(customer, TTS, SPEECH).status_code == 502
    fake_env.provider.failure = None
    assert repeat(customer, TTS, {**SPEECH, "text": "Another text."}).status_code == 200
    assert repeat(customer, TTS, {**SPEECH, "text": "Another text."}).headers["Idempotent-Replayed"] == "true"
    assert customer.balance()["credits"] == 99.99
    assert is_settled(customer)


def test_a_call_without_the_money_may_be_tried_again_when_it_is_there(make_gateway: MakeGateway) -> None:
    fake_env = with_fake_provider(make_gateway, FakeProvider())
    client = open_client(fake_env.gateway, "0")
    assert repeat(client, TTS, SPEECH).status_code == 402
    with fake_env.gateway.database.transaction() as tx:
        fake_env.gateway.billing.add_credits(tx, client.profile_id, 1_000_000)
    assert repeat(client, TTS, SPEECH).status_code == 200


def test_while_the_first_call_is_under_way_the_second_is_told_to_wait(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        inside.set()
        assert go_on.wait(20)

    fake_env.provider.on_piece = wait
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(repeat, customer, TTS, SPEECH)
        assert inside.wait(20)
        second = repeat(customer, TTS, SPEECH)
        mismatch = repeat(customer, TTS, {**SPEECH, "text": "Another text."})
        go_on.set()
        assert first.result(20).status_code == 200
    assert second.status_code == 409
    assert error_of(second)["code"] == "idempotency_in_flight"
    assert int(second.headers["Retry-After"]) >= 1
    assert error_of(mismatch)["code"] == "idempotency_mismatch"
    assert repeat(customer, TTS, SPEECH).headers["Idempotent-Replayed"] == "true"
    assert len(fake_env.provider.requests) == 1


def test_after_a_day_the_key_is_free_and_what_was_kept_is_swept(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    body = {"audioUrl": customer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    repeat(customer, INSTANT, body)
    kept = idempotency_at(customer, timedelta(hours=23, minutes=59))
    assert kept.sweep() == 0
    kept = idempotency_at(customer, timedelta(hours=24, minutes=1))
    storage = customer.gateway.storage
    assert [key.rpartition("/")[2] for key in storage.list("idempotency")] == ["answer"]
    assert kept.sweep() == 1
    assert list(storage.list("idempotency")) == []
    assert "Idempotent-Replayed" not in repeat(customer, INSTANT, body).headers


def test_what_a_failed_call_left_is_swept_and_what_is_under_way_is_not(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    repeat(customer, TTS, SPEECH)
    fake_env.provider.failure = None
    swept: list[int] = []
    fake_env.provider.on_piece = lambda _: swept.append(idempotency_at(customer, timedelta(hours=1)).sweep())
    assert repeat(customer, TTS, SPEECH, key="second").status_code == 200
    assert swept == [1]
    assert repeat(customer, TTS, SPEECH, key="second").headers["Idempotent-Replayed"] == "true"


def test_audio_that_the_storage_writes_after_its_call_failed_and_was_repeated_is_swept(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, keys = customer.gateway.storage, list[str]()
    create = storage.create

    def lose_answer(key: str) -> Any:
        keys.append(key)
        raise StorageUnavailable("The answer of the storage was lost.")

    body = {"audioUrl": customer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    monkeypatch.setattr(storage, "create", lambda key: (lose_answer if key.startswith("idempotency/") else create)(key))
    assert repeat(customer, INSTANT, body).status_code == 503
    monkeypatch.setattr(storage, "create", create)
    assert repeat(customer, INSTANT, body).status_code == 200

    storage.put(keys[0], b"late")
    assert idempotency_at(customer, timedelta(hours=1)).sweep() == 1
    assert keys[0] not in list(storage.list("idempotency"))
    assert repeat(customer, INSTANT, body).headers["Idempotent-Replayed"] == "true"


def idempotency_at(client: GatewayClient, later: timedelta) -> Idempotency:
    """The idempotency service with its clock set forward by `later`."""
    parts = client.gateway
    clock: Callable[[], Any] = lambda: now() + later  # noqa: E731
    return Idempotency(
        parts.database, parts.billing, parts.media, parts.storage, parts.provider_calls.release_dead_owners, clock=clock
    )


def test_the_store_being_down_refuses_the_call(make_gateway: MakeGateway) -> None:
    fake_env = with_fake_provider(make_gateway, FakeProvider())
    client = open_client(fake_env.gateway)
    with fake_env.gateway.database.transaction() as tx:
        tx.execute(text("ALTER TABLE kept_answers RENAME TO gone"))
    assert repeat(client, TTS, SPEECH).status_code in (500, 503)
    assert fake_env.provider.requests == []
    assert client.balance()["credits"] == 100
    assert client.post(TTS, SPEECH).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", [TTS, INSTANT, CLONE])
def test_of_forty_calls_at_once_one_is_done_on_both_databases(
    make_gateway: MakeGateway, database_url: str, path: str
) -> None:
    fake_env = with_fake_provider(make_gateway, database_url=database_url)
    client = open_client(fake_env.gateway)
    audio_url = client.upload()["public_url"]
    body = SPEECH if path == TTS else {"audioUrl": audio_url, "provider": "local"}
    if path == INSTANT:
        body = {**body, "text": "Hello."}
    before = client.balance()["balance"]

    def call(_: int) -> httpx2.Response:
        while True:
            answer = repeat(client, path, body)
            if answer.status_code != 409:
                return answer
            assert error_of(answer)["code"] == "idempotency_in_flight"

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(40)))
    assert Counter(answer.status_code for answer in answers) == {202 if path == CLONE else 200: 40}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    if path == TTS:
        assert len({answer.json()["data"]["key"] for answer in answers}) == 1
    else:
        assert len({answer.content for answer in answers}) == 1
    assert round(before - client.balance()["balance"], 6) == {TTS: 0.01, INSTANT: 2.0, CLONE: 5.0}[path]
    assert verify(fake_env.gateway.database) == []
