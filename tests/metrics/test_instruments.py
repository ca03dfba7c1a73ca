"""What a process measures of itself: its requests, providers, engine, jobs, webhooks and storage."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.jobs import work
from voxport.clock import now
from voxport.db.lease import Leases
from voxport.engine.process.client import EngineProcess
from voxport.errors import ProviderBusy
from voxport.gateway import open_gateway
from voxport.jobs.runner import JobRunner
from voxport.metrics.collector import GatewayCollector
from voxport.providers.base import Utterance, VoiceRef
from voxport.providers.observed import observed_speech
from voxport.storage.local import LocalStorage
from voxport.storage.observed import observed_storage
from voxport.telemetry import metrics
from voxport.telemetry.listener import serve_metrics
from voxport.telemetry.metrics import REGISTRY

ADMIN = "an operator's key of more than 32 letters"
TTS = "/v1/proxy/core-tts"


class Meter:
    """Reads how much the instruments of this process rose since it was made: tests share the process."""

    def __init__(self) -> None:
        self._before = _samples()

    def rise(self, name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return _samples().get(key, 0.0) - self._before.get(key, 0.0)


def _samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture(scope="module")
def provider() -> FakeProvider:
    return FakeProvider(pieces=4)


@pytest.fixture(scope="module")
def speaking(
    tmp_path_factory: pytest.TempPathFactory, new_database: Path, provider: FakeProvider
) -> Iterator[GatewayClient]:
    """A customer of a gateway with the fake provider, for the tests of this file."""
    folder = tmp_path_factory.mktemp("speaking")
    shutil.copy(new_database, folder)

    def open_(**options: Any) -> Any:
        seams = {name: options.pop(name) for name in ("providers", "samples")}
        return open_gateway(settings_for(folder, **options), **seams)

    env = with_fake_provider(open_, provider, admin_key=ADMIN)
    yield open_client(env.gateway)
    env.gateway.close()


def scrape(client: GatewayClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.http.get("/metrics", headers={"Authorization": f"Bearer {ADMIN}"})
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_stream_is_measured_to_its_first_audio_and_a_file_is_not(speaking: GatewayClient) -> None:
    name, labels = "voxport_time_to_first_audio_seconds_count", (("provider", "local"), ("route", TTS))
    before = scrape(speaking).get((name, labels), 0.0)
    speaking.post(TTS, {"text": "Hello.", "voice_id": "hum", "output_format": "wav"})
    assert scrape(speaking).get((name, labels), 0.0) == before
    body = {"text": "Hello.", "voice_id": "hum", "output_format": "wav", "stream": True}
    for _ in range(2):  # the second answer is the stored one: no audio is made for it
        assert speaking.post(TTS, body, headers={"Idempotency-Key": "first-audio"}).status_code == 200
    assert scrape(speaking)[name, labels] == before + 1


def test_a_spoken_text_counts_its_audio_and_the_providers_time(speaking: GatewayClient, meter: Meter) -> None:
    speaking.post(TTS, {"text": "Hello.", "voice_id": "hum", "output_format": "wav"})
    assert meter.rise("voxport_audio_seconds_total", provider="local") == pytest.approx(1.0)
    assert meter.rise("voxport_provider_call_duration_seconds_count", provider="local", operation="speak") == 1
    assert meter.rise("voxport_provider_first_audio_seconds_count", provider="local") == 1
    assert meter.rise("voxport_provider_real_time_factor_count", provider="local") == 1


def test_an_error_of_a_provider_is_counted_by_the_code_of_its_class(
    speaking: GatewayClient, provider: FakeProvider, meter: Meter
) -> None:
    provider.failure = ProviderBusy("Busy.", retry_after_seconds=1)
    provider.failure.code = "an id of the customer"  # an instance's own code is no label
    try:
        speaking.post(TTS, {"text": "Hello.", "voice_id": "hum"})
    finally:
        provider.failure = None
    assert meter.rise("voxport_provider_errors_total", provider="local", operation="speak", code="provider_busy") == 1
    assert "an id of the customer" not in str(_samples())


def test_a_listener_who_leaves_is_no_error_of_the_provider(speaking: GatewayClient, meter: Meter) -> None:
    pieces = observed_speech(FakeProvider(pieces=4), VoiceRef("hum"), Utterance("Hello.", "en-us"))
    next(pieces)
    pieces.close()
    assert meter.rise("voxport_audio_seconds_total", provider="local") == pytest.approx(0.25)
    assert meter.rise("voxport_provider_call_duration_seconds_count", provider="local", operation="speak") == 1
    codes = ("internal_error", "provider_failed")
    labels = {"provider": "local", "operation": "speak"}
    assert [meter.rise("voxport_provider_errors_total", **labels, code=code) for code in codes] == [0, 0]


def test_a_job_is_measured_by_its_wait_and_its_steps(speaking: GatewayClient, meter: Meter) -> None:
    accepted = speaking.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    work(speaking, accepted.json()["job"]["id"])
    assert meter.rise("voxport_job_queue_seconds_count", service="core-tts") == 1
    for step in ("speak", "store"):
        labels = {"service": "core-tts", "step": step, "outcome": "completed"}
        assert meter.rise("voxport_job_step_duration_seconds_count", **labels) == 1


def test_a_step_of_a_cancelled_job_is_not_counted_as_completed(speaking: GatewayClient, meter: Meter) -> None:
    accepted = speaking.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    job_id = accepted.json()["job"]["id"]
    runner = JobRunner(speaking.gateway.jobs, speaking.gateway.handlers)
    runner.begin(job_id)
    speaking.post(f"/v2/jobs/{job_id}/cancel")
    assert runner.run_step(job_id, "speak", {}) is None
    labels = {"service": "core-tts", "step": "speak", "outcome": "ended"}
    assert meter.rise("voxport_job_step_duration_seconds_count", **labels) == 1


def test_the_slots_of_each_provider_are_told(make_gateway: MakeGateway) -> None:
    client = open_client(with_fake_provider(make_gateway, admin_key=ADMIN, elevenlabs_api_key="xi-key").gateway)
    client.post(TTS, {"text": "Hello.", "voice_id": "hum"})
    found = scrape(client)
    assert found["voxport_provider_slots_max", (("provider", "elevenlabs"),)] == 2
    assert found["voxport_provider_slots_in_use", (("provider", "elevenlabs"),)] == 0
    assert found["voxport_speech_calls_max", (("provider", "local"),)] == 16
    assert found["voxport_speech_calls_running", (("provider", "local"),)] == 0
    assert found["voxport_engine_connected", ()] == 0
    assert found["voxport_database_pool_max", ()] >= found["voxport_database_pool_in_use", ()] >= 0
    assert found["voxport_data_free_bytes", ()] > 0


def test_the_queue_is_told_by_service_and_a_reading_is_used_again_for_some_seconds(make_gateway: MakeGateway) -> None:
    gateway = with_fake_provider(make_gateway).gateway
    client, moment = open_client(gateway), now()
    times = [moment]
    collector = GatewayCollector(
        gateway.database, gateway.leases, gateway.reconciliation, clock=lambda: times[-1], cache_seconds=5
    )

    def depth() -> list[float]:
        (family,) = [one for one in collector.collect() if one.name == "voxport_queue_depth"]
        return [sample.value for sample in family.samples]

    assert depth() == []
    client.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    assert depth() == []
    times.append(moment + timedelta(seconds=6))
    assert depth() == [1]


def test_the_workers_that_live_are_counted(both: GatewayClient) -> None:
    leases = Leases(both.gateway.database.url)
    before = leases.held("worker_")
    first, second = leases.acquire_own("worker"), leases.acquire_own("worker")
    try:
        collector = GatewayCollector(both.gateway.database, both.gateway.leases, both.gateway.reconciliation)
        families = {one.name: one.samples for one in collector.collect()}
        assert families["voxport_workers_alive"][0].value == before + 2
    finally:
        first.release()
        second.release()
    assert leases.held("worker_") == before
    leases.close()


def test_a_file_that_is_missing_is_no_fault_of_the_storage_and_a_full_disk_is(tmp_path: Path, meter: Meter) -> None:
    storage = observed_storage(LocalStorage(tmp_path))
    storage.put("a/b", b"content")
    assert storage.read("a/b") == b"content"
    with pytest.raises(FileNotFoundError):
        storage.read("a/c")
    with pytest.raises(FileNotFoundError), storage.local_copy("a/c"):
        pass
    with pytest.raises(RuntimeError), storage.writable_path("a/d"):
        raise RuntimeError("the encoder failed")
    assert meter.rise("voxport_storage_operation_duration_seconds_count", operation="read") == 2
    for operation in ("read", "local_copy", "writable_path"):
        assert meter.rise("voxport_storage_errors_total", operation=operation) == 0
    with pytest.raises(OSError, match="full"), storage.create("a/e") as upload:
        upload.write(b"something")
        raise OSError(errno.ENOSPC, "full")
    assert meter.rise("voxport_storage_errors_total", operation="create") == 1
    (tmp_path / "a" / "b").unlink()
    (tmp_path / "a" / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        storage.read("a/b")
    assert meter.rise("voxport_storage_errors_total", operation="read") == 1


def test_a_webhook_is_counted_by_how_its_attempt_ended(meter: Meter) -> None:
    for status in (204, 500, None):
        metrics.on_webhook_attempt(status, 0.1)
    for outcome in ("delivered", "refused", "unreachable"):
        assert meter.rise("voxport_webhook_attempt_duration_seconds_count", outcome=outcome) == 1


@pytest.mark.slow
def test_the_engine_is_measured_without_the_wait_of_a_call(process: EngineProcess, meter: Meter) -> None:
    heard: list[dict[str, Any]] = []
    process._on_call_end = lambda call, **values: heard.append({"call": call, **values})
    try:
        chunk = process.plan("Hello.", "en-us")[0]
        process.speak(chunk, "af_heart")
    finally:
        process._on_call_end = None
    assert [one["call"] for one in heard] == ["plan", "speak"]
    assert heard[1]["audio_seconds"] > 0.3
    assert heard[1]["seconds"] > heard[1]["queue_seconds"] >= 0
    assert not heard[1]["has_failed"]
    metrics.on_engine_call_end(**heard[1])
    assert meter.rise("voxport_engine_real_time_factor_count") == 1


def test_a_worker_serves_its_metrics_on_the_next_free_port(meter: Meter) -> None:
    first = serve_metrics("127.0.0.1", 0, key=None, registry=CollectorRegistry())
    assert first is not None
    second = serve_metrics("127.0.0.1", first, key=ADMIN, registry=CollectorRegistry())
    assert second is not None
    assert second > first
    open_answer = httpx2.get(f"http://127.0.0.1:{first}/metrics")
    assert open_answer.status_code == 200
    assert "voxport_provider_errors" in open_answer.text
    url = f"http://127.0.0.1:{second}"
    assert httpx2.get(f"{url}/metrics").status_code == 401
    assert httpx2.get(f"{url}/metrics", headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 200
    assert httpx2.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{url}/other").status_code == 404
    assert httpx2.post(f"{url}/metrics").status_code == 501


def test_metrics_that_other_machines_reach_need_a_key() -> None:
    with pytest.raises(ValueError, match="VOXPORT_ADMIN_KEY"):
        serve_metrics("0.0.0.0", 0, key=None, registry=CollectorRegistry())


def test_every_metric_has_a_unit_or_a_plural_and_few_labels() -> None:
    for family in REGISTRY.collect():
        assert family.name.startswith("voxport_")
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_mb"))
        for sample in family.samples:
            assert set(sample.labels) <= {
                "provider", "operation", "code", "call", "service", "step", "outcome", "task", "le"
            }  # fmt: skip
