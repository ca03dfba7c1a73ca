"""Consent: required if the operator says so, and recorded whenever it is given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin.test_admin import ADMIN_KEY, ask
from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import with_fake_provider

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
GRANTED = {"granted": True, "speaker": "Ada Lovelace", "words": "You may use my voice for this book."}


@pytest.fixture
def strict(make_gateway: MakeGateway) -> GatewayClient:
    """A customer of a gateway that requires consent and has a fake provider."""
    return open_client(with_fake_provider(make_gateway, require_consent=True, admin_key=ADMIN_KEY).gateway)


def body_for(client: GatewayClient, path: str, **fields: Any) -> dict[str, Any]:
    body = {"audioUrl": client.upload()["public_url"], "provider": "local", **fields}
    return body if path == CLONE else {**body, "text": "Hello."}


def recorded(client: GatewayClient) -> list[Any]:
    return client.gateway.consents.page(profile_id=client.profile_id, limit=50, cursor=None).rows


@pytest.mark.parametrize("path", [CLONE, INSTANT])
@pytest.mark.parametrize("consent", [{}, {"consent": {"granted": False, "speaker": "Ada"}}], ids=["none", "refused"])
def test_without_consent_no_voice_is_made_where_it_is_required(
    strict: GatewayClient, path: str, consent: dict[str, Any]
) -> None:
    answer = strict.post(path, body_for(strict, path, **consent))
    assert (answer.status_code, error_of(answer)["code"]) == (403, "consent_required")
    assert strict.balance()["credits"] == 100.0
    assert strict.balance()["held"] == 0.0
    assert recorded(strict) == []


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_it_comes_after_the_shape_and_before_the_provider(strict: GatewayClient, path: str) -> None:
    assert strict.post(path, {**body_for(strict, path), "zzz": 1}).status_code == 422
    assert strict.post(path, {**body_for(strict, path), "provider": "elevenlabs"}).status_code == 403


def test_a_clones_consent_is_recorded_with_its_voice_job_and_key(strict: GatewayClient) -> None:
    answer = strict.post(CLONE, body_for(strict, CLONE, consent=GRANTED))
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]["id"]
    (row,) = recorded(strict)
    job = strict.gateway.jobs.find(job_id)
    assert job is not None
    assert (row.speaker, row.words) == (GRANTED["speaker"], GRANTED["words"])
    assert (row.job_id, row.voice_id, row.key_id) == (job_id, job.output_id, strict.key_id)
    assert row.request_id == answer.headers["X-Gateway-Request-ID"]
    shown = ask(strict, "GET", f"/consents?profile_id={strict.profile_id}").json()["data"]
    assert [(one["speaker"], one["voice_id"]) for one in shown] == [("Ada Lovelace", job.output_id)]
    log = [entry["action"] for entry in strict.gateway.audit.export()]
    assert log[-2:] == ["consent.grant", "clone.submit"]


def test_an_instant_clones_consent_is_recorded_with_its_request(strict: GatewayClient) -> None:
    answer = strict.post(INSTANT, body_for(strict, INSTANT, consent={"granted": True, "speaker": "Ada"}))
    assert answer.status_code == 200, answer.text
    (row,) = recorded(strict)
    assert (row.request_id, row.voice_id, row.words) == (answer.headers["X-Gateway-Request-ID"], None, None)


def test_a_request_that_is_not_paid_for_records_nothing(strict: GatewayClient) -> None:
    poor = strict.another_customer("0")
    for path in (CLONE, INSTANT):
        assert poor.post(path, body_for(poor, path, consent=GRANTED)).status_code == 402
    assert recorded(poor) == []


def test_where_it_is_not_required_it_is_recorded_all_the_same_and_a_refusal_counts(customer: GatewayClient) -> None:
    assert customer.post(CLONE, body_for(customer, CLONE)).status_code == 202
    assert customer.post(CLONE, body_for(customer, CLONE, consent=GRANTED)).status_code == 202
    refused = {"granted": False, "speaker": "Ada"}
    assert customer.post(CLONE, body_for(customer, CLONE, consent=refused)).status_code == 403
    assert [row.speaker for row in recorded(customer)] == ["Ada Lovelace"]


@pytest.mark.parametrize(
    "consent",
    [
        {},
        {"granted": True},
        {"speaker": "Ada"},
        {"granted": "yes", "speaker": "Ada"},
        {"granted": 1, "speaker": "Ada"},
        {"granted": True, "speaker": " "},
        {"granted": True, "speaker": "x" * 201},
        {"granted": True, "speaker": "Ada", "words": "x" * 2001},
        {"granted": True, "speaker": "Ada", "words": "\x00"},
        {"granted": True, "speaker": "Ada", "extra": 1},
        True,
    ],
    ids=repr,
)
@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_a_consent_of_the_wrong_shape_is_refused(client: GatewayClient, path: str, consent: Any) -> None:
    body = {"audioUrl": "https://media.example.com/a.wav", "provider": "local", "consent": consent}
    answer = client.post(path, body if path == CLONE else {**body, "text": "Hi"})
    assert answer.status_code == 422
    assert error_of(answer)["code"] == "validation_failed"
    assert all(item["loc"][:2] == ["body", "consent"] for item in answer.json()["detail"])


def test_a_binding_asks_for_none_the_voice_has_its_own(strict: GatewayClient) -> None:
    answer = strict.post("/v1/voices/nobody/bindings", {"provider": "local"})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "voice_not_found")
