"""The same call sent again with its Idempotency-Key: one charge, and the first answer again."""

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
from tests.support.client import Client, error_of, open_client
from tests.support.providers import Humming, ToneProvider, hum
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.errors import ProviderFailed
from voxport.idempotency.service import Idempotency
from voxport.providers.base import SAMPLE_RATE

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
SPEECH: dict[str, Any] = {"text": "Hello, is this thing on?", "voice_id": "hum"}


def again(client: Client, path: str, body: Any, key: str = "first", **headers: str) -> httpx2.Response:
    named = {"Idempotency-Key": key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.request("POST", path, json=body, headers=named)


def told(answer: httpx2.Response) -> dict[str, str]:
    """The headers that tell of the call."""
    return {name: value for name, value in answer.headers.items() if name.startswith(("x-", "location", "retry"))}


def without_id(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-gateway-request-id"}


def clean(client: Client) -> bool:
    return verify(client.gateway.database) == [] and client.balance()["held"] == 0


def test_speech_is_answered_again_with_a_fresh_url_and_the_balance_as_it_was(singer: Client, humming: Humming) -> None:
    first = again(singer, TTS, SPEECH)
    assert first.status_code == 200, first.text
    assert "Idempotent-Replayed" not in first.headers
    singer.post(TTS, SPEECH)
    second = again(singer, TTS, SPEECH)
    assert second.status_code == 200
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["X-Gateway-Request-ID"] != first.headers["X-Gateway-Request-ID"]
    url = second.json()["data"].pop("url")
    body = first.json()
    body["data"].pop("url")
    assert {**second.json(), "data": {k: v for k, v in second.json()["data"].items() if k != "url"}} == body
    assert singer.http.get(url).content == singer.http.get(first.json()["data"]["url"]).content
    assert len(humming.provider.asked) == 2
    assert clean(singer)


def test_an_instant_clone_is_answered_again_byte_for_byte(singer: Client, humming: Humming) -> None:
    humming.samples.warnings = ("It is a little noisy.",)
    body = {"audioUrl": singer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    first = again(singer, INSTANT, body)
    assert first.status_code == 200, first.text
    singer.post(TTS, SPEECH)
    second = again(singer, INSTANT, body)
    assert second.content == first.content
    assert without_id(told(second)) == without_id(told(first))
    assert second.headers["Content-Type"] == "audio/wav"
    assert second.headers["Content-Length"] == first.headers["Content-Length"]
    assert second.headers["X-Voxport-Warnings"] == "It is a little noisy."
    assert singer.balance()["credits"] == 98 - 0.01
    assert clean(singer)


@pytest.mark.parametrize("path", [CLONE, TTS])
def test_a_job_is_queued_once(singer: Client, path: str) -> None:
    upload = singer.upload()["public_url"]
    body = {"audioUrl": upload, "provider": "local"} if path == CLONE else SPEECH
    first = again(singer, path, body, Prefer="respond-async")
    second = again(singer, path, body, Prefer="respond-async")
    assert first.status_code == second.status_code == 202, first.text
    assert second.json() == first.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers.get("Preference-Applied") == first.headers.get("Preference-Applied")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(singer.get("/v2/jobs").json()["data"]) == 1


def test_a_binding_is_queued_once_for_each_voice(singer: Client, humming: Humming) -> None:
    answers = [again(singer, "/v1/voices/nobody/bindings", {"provider": "local"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("output_format", ["mp3", "wav", "ogg"])
def test_a_stream_is_answered_again_byte_for_byte(singer: Client, humming: Humming, output_format: str) -> None:
    body = {**SPEECH, "stream": True, "output_format": output_format}
    first = again(singer, TTS, body)
    assert first.status_code == 200, first.text
    second = again(singer, TTS, body)
    assert second.content == first.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert without_id(told(second)) == without_id(told(first))
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(humming.provider.asked) == 1
    assert clean(singer)


@pytest.mark.slow
def test_a_stream_that_broke_off_is_not_spoken_again(singer: Client, humming: Humming) -> None:
    humming.provider.samples, humming.provider.pieces = 60 * SAMPLE_RATE, 60
    body = {**SPEECH, "stream": True, "output_format": "wav"}
    with serving(singer) as port:
        headers = {**singer.headers, "Idempotency-Key": "first"}
        humming.provider.heard = lambda _: time.sleep(0.05)
        with httpx2.stream("POST", f"http://127.0.0.1:{port}{TTS}", json=body, headers=headers) as answer:
            next(answer.iter_raw())
        wait_until(lambda: singer.balance()["held"] == 0, seconds=20, what="the end of the hold")
    second = again(singer, TTS, body)
    assert second.status_code == 409
    error = error_of(second)
    assert error["code"] == "idempotency_consumed"
    cost = singer.get(f"/v2/billing/requests/{error['details']['request_id']}").json()["data"]
    assert cost["status"] == "captured"
    assert 0 < cost["tokens"] < 0.6
    assert clean(singer)


def test_audio_that_is_too_long_to_be_kept_is_not_spoken_again(humming: Humming) -> None:
    parts = humming.gateway
    kept = Idempotency(
        parts.database, parts.billing, parts.media, parts.storage, parts.intents.bury_dead, max_bytes=10_000
    )
    singer = open_client(dataclasses.replace(parts, idempotency=kept))
    body = {"audioUrl": singer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    assert again(singer, INSTANT, body).status_code == 200
    assert error_of(again(singer, INSTANT, body))["code"] == "idempotency_consumed"
    stream = {**SPEECH, "stream": True, "output_format": "wav"}
    assert again(singer, TTS, stream).status_code == 200
    assert error_of(again(singer, TTS, stream))["code"] == "idempotency_consumed"
    assert clean(singer)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({**SPEECH, "text": "Another text."}, {}),
        ({**SPEECH, "output_format": "wav"}, {}),
        (SPEECH, {"Prefer": "respond-async"}),
    ],
)
def test_another_request_with_the_key_is_refused(singer: Client, body: dict[str, Any], headers: dict[str, str]) -> None:
    again(singer, TTS, SPEECH)
    answer = again(singer, TTS, body, **headers)
    assert answer.status_code == 422
    assert error_of(answer)["code"] == "idempotency_mismatch"


def test_the_same_json_in_another_order_is_the_same_request(singer: Client, humming: Humming) -> None:
    again(singer, TTS, SPEECH)
    answer = again(singer, TTS, dict(reversed(SPEECH.items())))
    assert answer.headers["Idempotent-Replayed"] == "true"


def test_a_key_belongs_to_one_profile_and_one_path(singer: Client, humming: Humming) -> None:
    again(singer, TTS, SPEECH)
    other = singer.another()
    assert "Idempotent-Replayed" not in again(other, TTS, SPEECH).headers
    instant = {"audioUrl": singer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    assert "Idempotent-Replayed" not in again(singer, INSTANT, instant).headers
    assert len(humming.provider.asked) == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "k" * 256, "a\tb"])
def test_a_key_that_can_be_none_is_refused_with_what_would_be_one(singer: Client, key: str) -> None:
    headers = [*singer.headers.items(), ("Idempotency-Key", key.encode("latin-1"))]
    answer = singer.http.post(TTS, json=SPEECH, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert "UUID" in error_of(answer)["message"]
    twice = singer.http.post(TTS, json=SPEECH, headers=[*singer.headers.items(), *[("Idempotency-Key", "a")] * 2])
    assert twice.status_code == 422


def test_a_call_that_failed_may_be_tried_again_with_its_key_also_with_another_body(
    singer: Client, humming: Humming
) -> None:
    humming.provider.failure = ProviderFailed("It broke.")
    assert again(singer, TTS, SPEECH).status_code == 502
    assert again(singer, TTS, SPEECH).status_code == 502
    humming.provider.failure = None
    assert again(singer, TTS, {**SPEECH, "text": "Another text."}).status_code == 200
    assert again(singer, TTS, {**SPEECH, "text": "Another text."}).headers["Idempotent-Replayed"] == "true"
    assert singer.balance()["credits"] == 99.99
    assert clean(singer)


def test_a_call_without_the_money_may_be_tried_again_when_it_is_there(make_gateway: MakeGateway) -> None:
    humming = hum(make_gateway(), ToneProvider())
    client = open_client(humming.gateway, "0")
    assert again(client, TTS, SPEECH).status_code == 402
    with humming.gateway.database.transaction() as tx:
        humming.gateway.billing.add_credits(tx, client.profile_id, 1_000_000)
    assert again(client, TTS, SPEECH).status_code == 200


def test_while_the_first_call_is_under_way_the_second_is_told_to_wait(singer: Client, humming: Humming) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        inside.set()
        assert go_on.wait(20)

    humming.provider.heard = wait
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(again, singer, TTS, SPEECH)
        assert inside.wait(20)
        second = again(singer, TTS, SPEECH)
        mismatch = again(singer, TTS, {**SPEECH, "text": "Another text."})
        go_on.set()
        assert first.result(20).status_code == 200
    assert second.status_code == 409
    assert error_of(second)["code"] == "idempotency_in_flight"
    assert int(second.headers["Retry-After"]) >= 1
    assert error_of(mismatch)["code"] == "idempotency_mismatch"
    assert again(singer, TTS, SPEECH).headers["Idempotent-Replayed"] == "true"
    assert len(humming.provider.asked) == 1


def test_after_a_day_the_key_is_free_and_what_was_kept_is_swept(singer: Client, humming: Humming) -> None:
    body = {"audioUrl": singer.upload()["public_url"], "text": "Hello.", "provider": "local"}
    again(singer, INSTANT, body)
    kept = at(singer, timedelta(hours=23, minutes=59))
    assert kept.sweep() == 0
    kept = at(singer, timedelta(hours=24, minutes=1))
    folder = singer.gateway.settings.data_dir / "files" / "idempotency"
    assert len(list(folder.rglob("answer"))) == 1
    assert kept.sweep() == 1
    assert list(folder.rglob("answer")) == []
    assert "Idempotent-Replayed" not in again(singer, INSTANT, body).headers


def test_what_a_failed_call_left_is_swept_and_what_is_under_way_is_not(singer: Client, humming: Humming) -> None:
    humming.provider.failure = ProviderFailed("It broke.")
    again(singer, TTS, SPEECH)
    humming.provider.failure = None
    swept: list[int] = []
    humming.provider.heard = lambda _: swept.append(at(singer, timedelta(minutes=2)).sweep())
    assert again(singer, TTS, SPEECH, key="second").status_code == 200
    assert swept == [1]
    assert again(singer, TTS, SPEECH, key="second").headers["Idempotent-Replayed"] == "true"


def at(client: Client, later: timedelta) -> Idempotency:
    """The keeper of answers, so much later."""
    parts = client.gateway
    clock: Callable[[], Any] = lambda: now() + later  # noqa: E731
    return Idempotency(parts.database, parts.billing, parts.media, parts.storage, parts.intents.bury_dead, clock=clock)


def test_the_store_being_down_refuses_the_call(make_gateway: MakeGateway) -> None:
    humming = hum(make_gateway(), ToneProvider())
    client = open_client(humming.gateway)
    with humming.gateway.database.transaction() as tx:
        tx.execute(text("ALTER TABLE kept_answers RENAME TO gone"))
    assert again(client, TTS, SPEECH).status_code in (500, 503)
    assert humming.provider.asked == []
    assert client.balance()["credits"] == 100
    assert client.post(TTS, SPEECH).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", [TTS, INSTANT, CLONE])
def test_of_forty_calls_at_once_one_is_done_on_both_databases(
    make_gateway: MakeGateway, database_url: str, path: str
) -> None:
    humming = hum(make_gateway(database_url=database_url), ToneProvider())
    client = open_client(humming.gateway)
    audio_url = client.upload()["public_url"]
    body = SPEECH if path == TTS else {"audioUrl": audio_url, "provider": "local"}
    if path == INSTANT:
        body = {**body, "text": "Hello."}
    before = client.balance()["balance"]

    def call(_: int) -> httpx2.Response:
        while True:
            answer = again(client, path, body)
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
    assert verify(humming.gateway.database) == []
