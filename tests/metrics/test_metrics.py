"""GET /metrics: its values, and that only the operator may read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tests.conftest import MakeClient, MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import with_fake_provider
from voxport.clock import now
from voxport.metrics.collector import GatewayCollector

ADMIN = "an operator's key of more than 32 letters"
TTS = "/v1/proxy/core-tts"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def watched(make_gateway: MakeGateway) -> GatewayClient:
    """A customer of a gateway with the fake provider and an operator key."""
    return open_client(with_fake_provider(make_gateway, admin_key=ADMIN, elevenlabs_api_key="xi-key").gateway)


def read(client: GatewayClient) -> Samples:
    answer = client.http.get("/metrics", headers={"Authorization": f"Bearer {ADMIN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return samples(answer.text)


def samples(exposition: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: Any) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def test_without_an_operators_key_there_is_no_such_path(client: GatewayClient) -> None:
    for headers in ({}, client.headers, {"Authorization": f"Bearer {ADMIN}"}, {"Authorization": "Bearer "}):
        answer = client.http.get("/metrics", headers=headers)
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"
        assert error_of(answer)["message"] == error_of(client.http.get("/nowhere"))["message"]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Basic {ADMIN}", f"Bearer {ADMIN}x", f"Bearer {ADMIN[:-1]}", "Bearer \xfc"],
)
def test_another_key_is_refused_and_so_is_a_customers(watched: GatewayClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for sent in (headers, watched.headers):
        answer = watched.http.get("/metrics", headers=sent)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert error_of(answer)["code"] == "unauthenticated"
        assert "voxport_" not in answer.text


def test_an_operators_key_needs_32_characters(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="VOXPORT_ADMIN_KEY needs at least 32 characters"):
        make_client(admin_key="short")


def test_requests_are_counted_by_the_template_of_their_route(watched: GatewayClient) -> None:
    for job_id in ("a", "b", "c"):
        assert watched.get(f"/v2/jobs/{job_id}").status_code == 404
    watched.post(TTS, {"text": "Hello.", "voice_id": "hum"})
    found = read(watched)
    assert value(found, "voxport_http_requests_total", method="GET", route="/v2/jobs/{job_id}", status="404") == 3
    assert value(found, "voxport_http_requests_total", method="POST", route=TTS, status="200") == 1
    assert value(found, "voxport_http_request_seconds_count", method="GET", route="/v2/jobs/{job_id}") == 3
    seconds = value(found, "voxport_http_request_seconds_sum", method="POST", route=TTS)
    assert seconds is not None
    assert 0 < seconds < 60


def test_what_a_client_chooses_is_never_a_label(watched: GatewayClient) -> None:
    for number in range(20):
        watched.http.request(f"BREW{number}", f"/nowhere/{number}")
        watched.http.get(f"/v1/blobs/{number}/x?signature={number}")
    found = [labels for name, labels in read(watched) if name == "voxport_http_requests_total"]
    assert (("method", "other"), ("route", "none"), ("status", "404")) in found
    assert (("method", "GET"), ("route", "/v1/blobs/{key:path}"), ("status", "403")) in found
    assert len(found) == 2


def test_jobs_holds_and_balances_are_told(watched: GatewayClient) -> None:
    watched.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    found = read(watched)
    held = watched.balance()["held"]
    assert held > 0
    assert value(found, "voxport_jobs_open", status="queued") == 1
    assert value(found, "voxport_jobs_open", status="processing") == 0
    assert value(found, "voxport_holds_open") == 1
    assert value(found, "voxport_credits_tokens") == 100
    assert value(found, "voxport_held_tokens") == held
    later = GatewayCollector(
        watched.gateway.database,
        watched.gateway.leases,
        watched.gateway.reconciliation,
        clock=lambda: now() + timedelta(minutes=5),
    )
    (oldest,) = [one for one in later.collect() if one.name == "voxport_jobs_oldest_queued_seconds"]
    assert 300 <= oldest.samples[0].value < 360


def test_an_idle_gateway_has_no_old_job(watched: GatewayClient) -> None:
    found = read(watched)
    assert value(found, "voxport_jobs_oldest_queued_seconds") == 0
    assert value(found, "voxport_jobs_open", status="queued") == 0


def test_the_workers_check_of_the_ledger_is_told_once_it_was_made(
    watched: GatewayClient, make_gateway: MakeGateway
) -> None:
    assert value(read(watched), "voxport_ledger_problems") is None
    with watched.gateway.database.transaction() as tx:
        tx.execute(text("UPDATE balances SET credits = credits + 1"))
    make_gateway(data_dir=watched.gateway.settings.data_dir).reconciliation.check_if_due()
    found = read(open_client(watched.gateway))  # another process: this one reads the database again in 5 s
    assert value(found, "voxport_ledger_problems") == 2  # neither its entries nor its movements add up to the balance
    checked = value(found, "voxport_ledger_check_timestamp_seconds")
    assert checked is not None
    assert abs(checked - now().timestamp()) < 60


def test_the_circuit_of_each_hosted_provider_is_told(watched: GatewayClient) -> None:
    found = read(watched)
    states = {
        labels[1][1]: families for (name, labels), families in found.items() if name == "voxport_provider_circuit"
    }
    assert states == {"closed": 1, "open": 0, "half_open": 0}
    assert {labels[0][1] for name, labels in found if name == "voxport_provider_circuit"} == {"elevenlabs"}


def test_without_its_database_a_gateway_still_tells_of_its_requests(watched: GatewayClient) -> None:
    with watched.gateway.database.transaction() as tx:
        tx.execute(text("ALTER TABLE jobs RENAME TO gone"))
    watched.http.get("/healthz")
    found = read(watched)
    assert value(found, "voxport_database_up") == 0
    assert value(found, "voxport_holds_open") is None
    assert value(found, "voxport_http_requests_total", method="GET", route="/healthz", status="200") == 1


def test_the_state_is_the_same_on_postgres(both: GatewayClient) -> None:
    collector = GatewayCollector(both.gateway.database, both.gateway.leases, both.gateway.reconciliation)
    families = {one.name: one.samples for one in collector.collect()}
    assert families["voxport_database_up"][0].value == 1
    assert families["voxport_credits_tokens"][0].value >= 100
