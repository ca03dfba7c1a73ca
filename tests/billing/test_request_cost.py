"""GET /v2/billing/requests/{request_id}: what one request cost."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from voxport.errors import ProviderFailed

TTS = "/v1/proxy/core-tts"
BODY = {"text": "Hello there, world.", "voice_id": "hum"}


def test_a_call_that_was_charged(customer: GatewayClient) -> None:
    request_id = customer.post(TTS, BODY).headers["X-Gateway-Request-ID"]
    body = customer.get(f"/v2/billing/requests/{request_id}").json()
    assert body["status"] == "success"
    data = body["data"]
    assert data.pop("created_at") <= data.pop("settled_at")
    assert data == {
        "request_id": request_id,
        "service": "core-tts",
        "status": "captured",
        "units": 1.0,
        "tokens": 0.01,
    }


def test_a_call_that_failed(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    request_id = customer.post(TTS, BODY).headers["X-Gateway-Request-ID"]
    data = customer.get(f"/v2/billing/requests/{request_id}").json()["data"]
    assert (data["status"], data["units"], data["tokens"]) == ("released", 0.0, 0.0)
    assert data["settled_at"] is not None


def test_a_job_that_waits(customer: GatewayClient) -> None:
    request_id = customer.post(TTS, BODY, headers={"Prefer": "respond-async"}).headers["X-Gateway-Request-ID"]
    data = customer.get(f"/v2/billing/requests/{request_id}").json()["data"]
    assert (data["status"], data["units"], data["tokens"], data["settled_at"]) == ("open", None, None, None)


@pytest.mark.parametrize("request_id", ["req_nothing", "' OR 1=1", "x" * 3000])
def test_a_request_that_is_not_there_is_404(customer: GatewayClient, request_id: str) -> None:
    answer = customer.get(f"/v2/billing/requests/{request_id}")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "request_not_found")


def test_another_profiles_request_and_one_that_costs_nothing_are_404(customer: GatewayClient) -> None:
    spoken = customer.post(TTS, BODY).headers["X-Gateway-Request-ID"]
    free = customer.get("/v2/billing/balance").headers["X-Gateway-Request-ID"]
    assert customer.another_customer().get(f"/v2/billing/requests/{spoken}").status_code == 404
    assert customer.get(f"/v2/billing/requests/{free}").status_code == 404
