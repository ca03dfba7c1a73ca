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
from voxport.idempotency.claim import IdempotentRequest
from voxport.idempotency.service import Idempotency


def test_a_retry_that_found_the_failed_call_late_takes_no_row_of_a_newer_call(
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
    find = Idempotency._find
    answers: dict[str, Any] = {}
    first = threading.Thread(target=lambda: answers.update(first=send(customer, customer.key)))

    def find_and_wait(service: Idempotency, request: IdempotentRequest) -> Any:
        """Lets the other call go first: it takes the key."""
        monkeypatch.setattr(Idempotency, "_find", find)
        found = find(service, request)
        first.start()
        assert inside.wait(20)
        return found

    monkeypatch.setattr(Idempotency, "_find", find_and_wait)
    try:
        second = send(customer, customer.key)
    finally:
        go_on.set()
        first.join(20)
    assert (second.status_code, error_of(second)["code"]) == (409, "idempotency_in_flight")
    assert answers["first"].status_code == 200, answers["first"].text
    assert len(fake_env.provider.requests) == 2, f"POST {TTS} was made more than once after its failure"
    assert verify(customer.gateway.database) == []
