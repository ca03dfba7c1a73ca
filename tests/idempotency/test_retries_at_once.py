"""Several concurrent retries of a failed call, all of which find the row that it left."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.idempotency.test_scope import TTS, send
from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed
from voxport.idempotency.models import StoredResponse
from voxport.idempotency.service import Idempotency


def test_a_late_removal_of_what_a_failed_call_left_takes_no_row_of_a_newer_call(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    assert send(customer, customer.key).status_code == 502
    fake_env.provider.failure = None
    inside, go_on = threading.Event(), threading.Event()

    def speaking(_: int) -> None:
        inside.set()
        assert go_on.wait(20)

    fake_env.provider.on_piece = speaking
    remove = Idempotency._remove
    answers: dict[str, Any] = {}
    first = threading.Thread(target=lambda: answers.update(first=send(customer, customer.key)))

    def remove_late(service: Idempotency, row: StoredResponse) -> None:
        """Lets the other call go first: it takes the key, and on SQLite the row number too."""
        monkeypatch.setattr(Idempotency, "_remove", remove)
        first.start()
        assert inside.wait(20)
        remove(service, row)

    monkeypatch.setattr(Idempotency, "_remove", remove_late)
    try:
        second = send(customer, customer.key)
    finally:
        go_on.set()
        first.join(20)
    assert (second.status_code, error_of(second)["code"]) == (409, "idempotency_in_flight")
    assert answers["first"].status_code == 200, answers["first"].text
    assert len(fake_env.provider.requests) == 2, f"POST {TTS} was made more than once after its failure"
    assert verify(customer.gateway.database) == []
