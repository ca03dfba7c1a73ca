"""A profile's limits on voices, open jobs and bytes hold under concurrent calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import MakeClient, MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import with_fake_provider
from voxport.billing.models import Hold
from voxport.clock import now
from voxport.settings import Settings

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
TTS = "/v1/proxy/core-tts"
AUDIO = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
LONG = {"text": "Hello.", "voice_id": "hum", "provider": "local"}
LATER = {"Prefer": "respond-async"}


def run_concurrently(times: int, call: Callable[[], httpx2.Response]) -> list[int]:
    """Makes so many calls at once and returns their statuses, sorted."""
    with ThreadPoolExecutor(times) as pool:
        return sorted(answer.status_code for answer in pool.map(lambda _: call(), range(times)))


@pytest.fixture
def open_customer(make_gateway: MakeGateway, database_url: str) -> Callable[..., GatewayClient]:
    """Opens a gateway with a fake provider and these settings, on each database, and returns a customer of it."""
    return lambda **settings: open_client(
        with_fake_provider(make_gateway, database_url=database_url, **settings).gateway, "1000"
    )


def test_clones_of_every_kind_count_together(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(clones_per_hour=3)
    url = client.upload()["public_url"]
    assert client.post(CLONE, {**AUDIO, "audioUrl": url}).status_code == 202
    for _ in range(2):
        assert client.post(INSTANT, {**AUDIO, "audioUrl": url, "text": "Hello."}).status_code == 200
    for path, body in ((CLONE, AUDIO), (INSTANT, {**AUDIO, "audioUrl": url, "text": "Hello."})):
        answer = client.post(path, body)
        assert answer.status_code == 429
        error = error_of(answer)
        assert error["code"] == "rate_limited"
        assert error["details"]["limit"] == 3
        assert error["details"]["window_seconds"] == 3_600
        assert 3_500 < int(answer.headers["Retry-After"]) <= 3_600
    assert client.balance()["held"] == 5  # for the one job
    assert client.post(TTS, LONG).status_code == 200
    assert client.another_customer().post(CLONE, AUDIO).status_code == 202


def test_as_shipped_60_voices_are_made_in_an_hour_and_500_in_a_day(make_gateway: MakeGateway) -> None:
    shipped = {name: Settings.model_fields[name].default for name in ("clones_per_hour", "clones_per_day")}
    client = open_client(make_gateway(**shipped), "10000")
    assert [client.post(CLONE, AUDIO).status_code for _ in range(61)] == [202] * 60 + [429]
    with client.gateway.database.transaction() as tx:
        tx.execute(text("UPDATE holds SET created_at = :moment"), {"moment": now() - timedelta(hours=2)})
        # Copies the 60 holds seven times, as if the hours before had been alike: 480 in all.
        names = [column.name for column in Hold.__table__.columns if column.name not in ("sequence", "id")]
        copied = f"INSERT INTO holds (id, {', '.join(names)}) SELECT id || :number, {', '.join(names)} FROM holds"
        for number in range(7):
            tx.execute(text(f"{copied} WHERE sequence <= 60"), {"number": f"-{number}"})
    assert [client.post(CLONE, AUDIO).status_code for _ in range(21)] == [202] * 20 + [429]
    answer = client.post(CLONE, AUDIO)
    assert error_of(answer)["details"] == {"retry_after": ANY, "limit": 500, "window_seconds": 86_400}


def test_a_limit_of_0_is_none(make_gateway: MakeGateway) -> None:
    client = open_client(
        make_gateway(clones_per_hour=0, clones_per_day=0, max_open_jobs=0, max_stored_bytes=0), "10000"
    )
    assert {client.post(CLONE, AUDIO).status_code for _ in range(70)} == {202}
    assert client.request_upload(size_bytes=200 << 20).status_code == 200


def test_a_replay_counts_once(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(clones_per_hour=1)
    answers = [client.post(CLONE, AUDIO, headers={"Idempotency-Key": "one"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert client.post(CLONE, AUDIO, headers={"Idempotency-Key": "two"}).status_code == 429


def test_a_refused_call_may_be_sent_again_with_its_key_when_there_is_room(
    open_customer: Callable[..., GatewayClient],
) -> None:
    client = open_customer(max_open_jobs=1)
    first = client.post(CLONE, AUDIO).json()["job"]["id"]
    again = {"Idempotency-Key": "one"}
    assert client.post(CLONE, AUDIO, headers=again).status_code == 429
    assert client.post(f"/v2/jobs/{first}/cancel").status_code == 200
    assert client.post(CLONE, AUDIO, headers=again).status_code == 202


def test_a_cancelled_clone_counts(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(clones_per_hour=1)
    job_id = client.post(CLONE, AUDIO).json()["job"]["id"]
    assert client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    assert client.post(CLONE, AUDIO).status_code == 429


def test_the_window_moves_on(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(clones_per_hour=2, clones_per_day=3)

    def age(by: timedelta) -> None:
        with client.gateway.database.transaction() as tx:
            tx.execute(text("UPDATE holds SET created_at = :moment"), {"moment": now() - by})

    assert [client.post(CLONE, AUDIO).status_code for _ in range(3)] == [202, 202, 429]
    age(timedelta(minutes=50))
    answer = client.post(CLONE, AUDIO)
    assert answer.status_code == 429
    assert 590 <= int(answer.headers["Retry-After"]) <= 600
    age(timedelta(minutes=61))
    assert [client.post(CLONE, AUDIO).status_code for _ in range(2)] == [202, 429]
    answer = client.post(CLONE, AUDIO)
    assert error_of(answer)["details"]["window_seconds"] == 86_400
    age(timedelta(hours=25))
    assert client.post(CLONE, AUDIO).status_code == 202


def test_no_more_clones_than_may_be_however_many_come_at_once(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(clones_per_hour=5)
    assert run_concurrently(24, lambda: client.post(CLONE, AUDIO)) == [202] * 5 + [429] * 19
    assert client.balance()["held"] == 25


def test_no_more_open_jobs_than_may_be_however_many_come_at_once(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_open_jobs=5)
    assert run_concurrently(24, lambda: client.post(TTS, LONG, headers=LATER)) == [202] * 5 + [429] * 19
    answer = client.post(CLONE, AUDIO)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["details"]["limit"]) == (429, "too_many_open_jobs", 5)
    assert int(answer.headers["Retry-After"]) >= 1
    held = client.balance()["held"]
    first = client.get("/v2/jobs").json()["data"][0]["id"]
    assert client.post(f"/v2/jobs/{first}/cancel").status_code == 200
    assert client.post(TTS, LONG, headers=LATER).status_code == 202
    assert client.balance()["held"] == held
    assert client.another_customer().post(CLONE, AUDIO).status_code == 202


def full(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 403, answer.text
    error = error_of(answer)
    assert error["code"] == "storage_full"
    details: dict[str, Any] = error["details"]
    return details


def test_an_announced_upload_has_its_room_from_the_beginning(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=1_000)
    slot = client.upload_slot(size_bytes=600)
    details = full(client.request_upload(size_bytes=401))
    assert details == {"stored_bytes": 600, "max_bytes": 1_000, "needed_bytes": 401}
    client.upload_slot(size_bytes=400)
    assert client.put(slot["upload_url"], b"x" * 600).status_code == 200
    full(client.request_upload(size_bytes=1))
    assert client.another_customer().request_upload(size_bytes=1_000).status_code == 200


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_an_upload_of_unknown_size_gets_its_room_before_it_is_read(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=1_000)
    first, second = client.upload_slot(), client.upload_slot()
    full(client.put(first["upload_url"], b"x" * 1_001))
    full(client.put(first["upload_url"], iter([b"x" * 10])))  # no announced length: needs room for the largest upload
    assert client.put(first["upload_url"], b"x" * 700).status_code == 200
    full(client.put(second["upload_url"], b"x" * 301))
    assert client.put(second["upload_url"], b"x" * 300).status_code == 200


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_a_refused_or_broken_upload_leaves_its_room(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=1_000)
    first = client.upload_slot(size_bytes=800)
    assert client.put(first["upload_url"], b"x" * 799).status_code == 422
    assert client.put(first["upload_url"], iter([b"x" * 801])).status_code == 413
    assert client.upload_slot(size_bytes=200)
    full(client.request_upload(size_bytes=1))


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_no_more_bytes_than_may_be_however_many_come_at_once(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=1_000)
    assert run_concurrently(16, lambda: client.request_upload(size_bytes=200)) == [200] * 5 + [403] * 11
    other = client.another_customer()
    slots = [other.upload_slot() for _ in range(16)]
    urls = iter([slot["upload_url"] for slot in slots])
    assert run_concurrently(16, lambda: other.put(next(urls), b"x" * 200)) == [200] * 5 + [403] * 11


def test_speech_needs_room_and_counts_with_its_size(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=300_000)
    body = {**LONG, "output_format": "wav"}
    assert client.post(TTS, body).status_code == 200  # 48,044 bytes, of at most 117,184
    assert client.request_upload(size_bytes=300_000 - 48_044).status_code == 200
    full(client.post(TTS, body))
    full(client.post(TTS, body, headers=LATER))
    assert client.balance()["held"] == 0
    assert client.post(TTS, {**body, "stream": True}).status_code == 200  # a stream is not stored


def test_speech_that_comes_at_once_finds_its_room_or_is_refused(open_customer: Callable[..., GatewayClient]) -> None:
    client = open_customer(max_stored_bytes=300_000)
    statuses = run_concurrently(16, lambda: client.post(TTS, {**LONG, "output_format": "wav"}))
    assert set(statuses) <= {200, 403}
    assert 1 <= statuses.count(200) <= 300_000 // 48_044


def test_a_room_that_was_given_up_meanwhile_is_asked_for_again_at_the_end(make_client: MakeClient) -> None:
    client = make_client(max_stored_bytes=1_000)
    media, key = client.gateway.media, client.upload_slot()["object_key"]
    client.upload_slot(size_bytes=900)
    client.gateway.storage.put(key, b"x" * 200)
    with pytest.raises(Exception, match="no room"):
        media.record_upload(key, 200)
    assert client.gateway.storage.size(key) is None
