"""A cancel at each stage of a job: the work stops and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.server import wait_until
from tests.support.stored import stored_keys
from voxport.billing.verify import verify
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import Jobs
from voxport.testing.receiver import WebhookReceiver, stay_silent

CLONE = "/v1/proxy/core-voice-clone"
TTS = "/v1/proxy/core-tts"
LATER = {"Prefer": "respond-async"}


def work(client: GatewayClient, job_id: str) -> list[str]:
    """Run the job's steps as a worker does. Returns the names of those that returned a result."""
    runner = JobRunner(client.gateway.jobs, client.gateway.handlers)
    service = runner.begin(job_id)
    results: dict[str, dict[str, Any]] = {}
    for name in runner.step_names(service) if service is not None else ():
        result = runner.run_step(job_id, name, results)
        if result is None:
            break
        results[name] = result
    return list(results)


def cancel_at(client: GatewayClient, job_id: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cancel the job as the customer when it reaches the stage `wanted`. Returns that stage and those reported after
    it."""
    statuses: list[str] = []
    real = Jobs.advance

    def advance(jobs: Jobs, of: str, stage: str, progress: float) -> None:
        if statuses:
            statuses.append(stage)
        real(jobs, of, stage, progress)
        if stage == wanted and not statuses:
            statuses.append(stage)
            assert client.post(f"/v2/jobs/{job_id}/cancel").json()["status"] == "cancelled"

    monkeypatch.setattr(Jobs, "advance", advance)
    return statuses


def files(client: GatewayClient) -> set[str]:
    return set(stored_keys(client.gateway))


def nothing_stays(client: GatewayClient, job_id: str, before: set[str]) -> None:
    assert client.get(f"/v2/jobs/{job_id}").json()["status"] == "cancelled"
    assert files(client) == before
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert client.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"] == []
    assert client.gateway.provider_calls.list_all() == []
    assert verify(client.gateway.database) == []


@pytest.mark.parametrize("stage", ["fetching", "checking", "cloning", "registering"])
def test_a_clone_is_cancelled_at_each_stage(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    body = {"audioUrl": customer.upload()["public_url"], "provider": "local"}
    before = files(customer)
    job_id = customer.post(CLONE, body).json()["job"]["id"]
    statuses = cancel_at(customer, job_id, stage, monkeypatch)
    work(customer, job_id)
    assert statuses[0] == stage
    assert len(statuses) <= 2, "the next report of progress was the last"
    nothing_stays(customer, job_id, before)


@pytest.mark.parametrize("stage", ["speaking", "storing"])
def test_a_long_text_is_cancelled_at_each_stage(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    heard: list[int] = []

    def hear(number: int) -> None:
        time.sleep(0.2 if stage == "speaking" else 0.0)
        heard.append(number)

    provider = FakeProvider(pieces=8, samples=8 * 24_000, on_piece=hear)
    client = open_client(with_fake_provider(make_gateway, provider).gateway)
    before = files(client)
    job_id = client.post(TTS, {"text": "Hello. " * 40, "voice_id": "hum"}, headers=LATER).json()["job"]["id"]
    cancel_at(client, job_id, stage, monkeypatch)
    work(client, job_id)
    assert len(heard) < 5 if stage == "speaking" else len(heard) == 8
    nothing_stays(client, job_id, before)


def test_a_job_that_waits_is_cancelled_and_never_begun(customer: GatewayClient) -> None:
    job_id = customer.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers=LATER).json()["job"]["id"]
    before = files(customer)
    assert customer.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    assert work(customer, job_id) == []
    nothing_stays(customer, job_id, before)


def test_a_download_from_a_server_that_says_nothing_stops_soon(make_gateway: MakeGateway, tmp_path: Path) -> None:
    with WebhookReceiver(stay_silent(100)) as silent:
        client = open_client(with_fake_provider(make_gateway, private_hosts=silent.host, fetch_timeout=100).gateway)
        before = files(client)
        job_id = client.post(CLONE, {"audioUrl": silent.url, "provider": "local"}).json()["job"]["id"]
        worker = threading.Thread(target=work, args=(client, job_id))
        worker.start()
        wait_until(lambda: silent.received, seconds=10, what="the download")
        began = time.monotonic()
        client.post(f"/v2/jobs/{job_id}/cancel").raise_for_status()
        worker.join(60)
        assert time.monotonic() - began < 30, "long before the server's or the fetch's end"
        nothing_stays(client, job_id, before)
