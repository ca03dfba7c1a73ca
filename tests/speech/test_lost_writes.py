"""Audio whose storage does not say that it was written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.client import GatewayClient
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.media import repository
from voxport.storage.base import StorageUnavailable

TTS = "/v1/proxy/core-tts"
SPEECH = {"text": "Hello there.", "voice_id": "hum"}


def test_audio_that_the_storage_writes_after_its_call_failed_is_swept_and_counts_for_nothing(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, keys = customer.gateway, list[str]()
    writable_path = gateway.storage.writable_path

    @contextlib.contextmanager
    def lose_answer(key: str) -> Iterator[Path]:
        keys.append(key)
        with writable_path(key) as path:
            yield path
        raise StorageUnavailable("The answer of the storage was lost.")

    monkeypatch.setattr(gateway.storage, "writable_path", lose_answer)
    balance = customer.balance()
    assert customer.request("POST", TTS, json=SPEECH).status_code == 503
    monkeypatch.undo()
    assert customer.balance() == balance
    with gateway.database.transaction() as tx:
        assert repository.stored_bytes(tx, customer.profile_id) == 0
    assert customer.get("/v1/media").json()["data"] == []

    monkeypatch.setattr("voxport.media.service.now", lambda: now() + timedelta(days=1, minutes=1))
    assert gateway.media.sweep() == 1
    assert keys[0] not in list(gateway.storage.list("speech"))
    assert verify(gateway.database) == []
