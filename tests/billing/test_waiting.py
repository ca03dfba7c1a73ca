"""The price is held before a call queues: a caller who cannot pay does not queue, and queueing costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from voxport.billing.verify import verify

TTS = "/v1/proxy/core-tts"
INSTANT = "/v1/proxy/core-instant-clone-tts"
SPEECH: dict[str, Any] = {"text": "Hello.", "voice_id": "hum"}


@pytest.fixture
def busy(make_gateway: MakeGateway) -> FakeProviderEnv:
    """A gateway that runs one call at a time and lets others queue for one second."""
    return with_fake_provider(make_gateway, speech_concurrency=1, speech_queue_seconds=1.0)


@contextmanager
def occupied(client: GatewayClient, provider: FakeProvider) -> Iterator[Future[httpx2.Response]]:
    """Occupies the only slot with another call until the block ends; yields that call's future."""
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        inside.set()
        assert go_on.wait(30)

    provider.on_piece = wait
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.post, TTS, SPEECH)
        assert inside.wait(20)
        try:
            yield first
        finally:
            go_on.set()
    assert first.result().status_code == 200


def bodies(client: GatewayClient) -> list[tuple[str, dict[str, Any]]]:
    instant = {"audioUrl": client.upload()["public_url"], "text": "Hello.", "provider": "local"}
    return [(TTS, SPEECH), (TTS, {**SPEECH, "stream": True}), (INSTANT, instant)]


def test_who_has_no_credits_is_refused_without_waiting(busy: FakeProviderEnv) -> None:
    rich = open_client(busy.gateway)
    poor = rich.another_customer("0")
    with occupied(rich, busy.provider):
        for path, body in bodies(poor):
            answer = poor.post(path, body)
            assert answer.status_code == 402, path
            assert error_of(answer)["code"] == "insufficient_credits"


def test_a_call_whose_turn_does_not_come_costs_nothing_and_leaves_nothing(make_gateway: MakeGateway) -> None:
    busy = with_fake_provider(make_gateway, speech_concurrency=1, speech_queue_seconds=0.3)
    client = open_client(busy.gateway)
    other = client.another_customer()
    with occupied(client, busy.provider):
        for path, body in bodies(other):
            answer = other.request("POST", path, json=body, headers={"Idempotency-Key": "first"})
            assert answer.status_code == 429, path
            assert error_of(answer)["code"] == "provider_busy"
            assert other.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    with busy.gateway.database.snapshot() as tx:
        left = tx.execute(text("SELECT count(*) FROM media WHERE uploaded_at IS NULL")).scalar()
    assert left == 0
    for number, (path, body) in enumerate(bodies(other)):
        answer = other.request("POST", path, json=body, headers={"Idempotency-Key": f"later-{number}"})
        assert answer.status_code == 200, answer.text
    assert verify(busy.gateway.database) == []
