"""Traces: one for a request and all that it causes, in whichever process; and what they never hold."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.engine_double import engine_double
from tests.support.fake_provider import with_fake_provider
from tests.support.hosted_env import ELEVENLABS_KEY, TEXT, TTS, HostedEnv, UncheckedSamples, open_hosted_env, recording
from tests.support.otlp import Collector, ReceivedSpan, running_collector
from voxport.providers.elevenlabs import ElevenLabs
from voxport.providers.local import LocalProvider
from voxport.telemetry import tracing
from voxport.telemetry.tracing import start_span, start_tracing, stop_tracing
from voxport.testing.doubles import ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES

CLONE = "/v1/proxy/core-voice-clone"
SERVER, CLIENT = 2, 3


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture
def traced(collector: Collector) -> Iterator[Collector]:
    """The collector of the traces that this process sends."""
    assert start_tracing(collector.url, process="api", version="test")
    yield collector
    stop_tracing(seconds=5)


@pytest.fixture
def hosted(make_gateway: MakeGateway) -> Iterator[HostedEnv]:
    with open_hosted_env(make_gateway) as opened:
        yield opened


def send_all(collector: Collector, *names: str) -> list[ReceivedSpan]:
    """Send what has ended, and return all that arrived."""
    stop_tracing(seconds=10)
    return collector.wait_for(*names)


def path_to_root(span: ReceivedSpan, spans: list[ReceivedSpan]) -> list[str]:
    by_id = {one.id: one for one in spans}
    names = [span.name]
    while span.parent in by_id:
        span = by_id[span.parent]
        names.append(span.name)
    assert not span.parent, f"{names} hangs below a span that did not arrive"
    return names


def test_a_stream_is_one_trace_over_the_api_the_provider_and_its_http(traced: Collector, hosted: HostedEnv) -> None:
    voice_id = hosted.clone("elevenlabs")
    answer = hosted.speak(voice_id, stream=True, output_format="mp3")
    assert answer.status_code == 200
    spans = send_all(traced, f"POST {TTS}", "provider speak", "POST 127.0.0.1")
    (request,) = [one for one in spans if one.name == f"POST {TTS}"]
    assert request.kind == SERVER
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["voxport.request_id"] == answer.headers["X-Gateway-Request-ID"]
    mine = [one for one in spans if one.trace == request.trace]
    (call,) = [one for one in mine if one.name == "POST 127.0.0.1"]
    assert path_to_root(call, mine) == ["POST 127.0.0.1", "provider speak", f"POST {TTS}"]
    assert call.kind == CLIENT
    assert call.attributes["http.response.status_code"] == 200
    (spoken,) = [one for one in mine if one.name == "provider speak"]
    assert spoken.attributes["voxport.audio_seconds"] > 0.5
    assert request.start <= spoken.start <= call.start <= call.end <= spoken.end


def test_a_stored_file_shows_its_storage(traced: Collector, hosted: HostedEnv) -> None:
    voice_id = hosted.clone("elevenlabs")
    hosted.speak(voice_id)
    spans = send_all(traced, "storage writable_path")
    (request,) = [one for one in spans if one.name == f"POST {TTS}"]
    stored = [one for one in spans if one.name == "storage writable_path" and one.trace == request.trace]
    assert [path_to_root(one, spans)[-1] for one in stored] == [f"POST {TTS}"]


def test_the_local_engine_tells_its_wait_and_its_work(traced: Collector, make_gateway: MakeGateway) -> None:
    with engine_double() as engine:
        local = LocalProvider(
            engine, lambda: engine, max_text_length=5_000, sample_min_seconds=3, sample_max_seconds=60
        )
        client = open_client(make_gateway(providers=[local]))
        answer = client.post(TTS, {"text": TEXT, "voice_id": "af_heart", "output_format": "wav"})
        assert answer.status_code == 200, answer.text
    spans = send_all(traced, "engine speak", "engine queue", "engine serve")
    served = [one for one in spans if one.name == "engine serve"]
    assert len(served) == 3  # the plan, and two chunks
    assert {tuple(path_to_root(one, spans)) for one in served} == {
        ("engine serve", "engine plan", "provider speak", f"POST {TTS}"),
        ("engine serve", "engine speak", "provider speak", f"POST {TTS}"),
    }
    assert all(one.end - one.start > 5_000_000 for one in served if path_to_root(one, spans)[1] == "engine speak")


@pytest.mark.slow
def test_a_job_is_one_trace_over_api_workers_engine_and_provider_though_a_worker_is_killed(
    traced: Collector, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    double = ElevenLabsDouble()
    double.account.keys = {ELEVENLABS_KEY: ALL_SCOPES}
    double.account.requires_verification = True  # it refuses each clone, and `auto` goes on with the local engine
    with serve_app(double.app) as url, engine_double() as engine:
        hosted = ElevenLabs(ELEVENLABS_KEY, base_url=url, tag="t1", max_text_length=5_000)
        local = LocalProvider(
            engine, lambda: engine, max_text_length=5_000, sample_min_seconds=3, sample_max_seconds=60
        )
        gateway = make_gateway(providers=[hosted, local], samples=UncheckedSamples)
        client = open_client(gateway)
        audio_url = client.upload(recording(0))["public_url"]
        accepted = client.post(CLONE, {"audioUrl": audio_url, "provider": "auto"})
        assert accepted.status_code == 202, accepted.text
        job_id = accepted.json()["job"]["id"]
        command = [sys.executable, "-m", "tests.support.traced_worker", str(gateway.settings.data_dir)]
        first = _worker([*command, traced.url, url, "hangs"], "hangs")
        traced.wait_for("job core-voice-clone sample", "POST 127.0.0.1")
        first.kill()
        first.wait()
        second = _worker([*command, traced.url, url, "works"], "works")
        try:
            deadline = time.monotonic() + 60
            while (status := client.get(f"/v2/jobs/{job_id}").json()["status"]) != "completed":
                assert time.monotonic() < deadline and status in ("queued", "processing")
                time.sleep(0.1)
            traced.wait_for("job core-voice-clone register")
        finally:
            second.kill()
            second.wait()
    spans = send_all(traced, f"POST {CLONE}")
    (request,) = [one for one in spans if one.name == f"POST {CLONE}"]
    mine = [one for one in spans if one.trace == request.trace]
    assert request.process == "api"
    names = {one.name for one in mine if one.process == "worker"}
    assert names >= {
        "queue core-voice-clone",
        "job core-voice-clone sample",
        "job core-voice-clone clone",
        "job core-voice-clone register",
        "provider clone",
        "engine enrol",
        "engine serve",
        "POST 127.0.0.1",
        "storage put",
    }
    # The first worker's span of the clone never ended. What lay below it and had ended was sent.
    ids = {one.id for one in mine}
    assert [one for one in mine if one.name == "provider clone" and one.parent not in ids]
    (register,) = [one for one in mine if one.name == "job core-voice-clone register"]
    assert register.parent == request.id
    assert register.attributes == {
        "voxport.job_id": job_id,
        "voxport.request_id": request.attributes["voxport.request_id"],
        "voxport.outcome": "completed",
    }


def _worker(command: list[str], word: str) -> subprocess.Popen[str]:
    """Start a worker and wait until it says this word."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return process
    raise AssertionError(f"the worker ended with {process.wait()}")


def test_no_text_key_name_or_url_gets_into_a_trace(traced: Collector, hosted: HostedEnv) -> None:
    voice_id = hosted.clone("elevenlabs", name="Ada Lovelace")
    hosted.speak(voice_id, stream=True)
    hosted.client.http.get(hosted.client.upload()["public_url"])
    hosted.client.get("/v2/jobs/a-name-of-somebody")
    hosted.client.get("/nowhere/a-name-of-somebody?key=vxp_secret")
    hosted.client.post(TTS, {"text": "words that nobody should read", "voice_id": 5})
    spans = send_all(traced, f"POST {TTS}", "GET /v2/jobs/{job_id}", "GET")
    everything = json.dumps([(one.name, one.attributes) for one in spans])
    secrets = (TEXT, "Ada", "somebody", "nobody", "signature", "http://", "https://", ELEVENLABS_KEY, hosted.client.key)
    assert [one for one in secrets if one in everything] == []
    assert hosted.client.profile_id not in everything


@pytest.mark.parametrize("is_propagated", [False, True])
def test_a_provider_gets_a_traceparent_only_if_the_operator_says_so(
    collector: Collector, make_gateway: MakeGateway, is_propagated: bool
) -> None:
    double, sent = ElevenLabsDouble(), list[bytes | None]()
    double.account.keys = {ELEVENLABS_KEY: ALL_SCOPES}

    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "http" and scope["method"] == "POST":
            sent.append(dict(scope["headers"]).get(b"traceparent"))
        await double.app(scope, receive, send)

    start_tracing(collector.url, process="api", version="test", is_propagated=is_propagated)
    try:
        with serve_app(app) as url:
            provider = ElevenLabs(ELEVENLABS_KEY, base_url=url, tag="t1", max_text_length=5_000)
            gateway = make_gateway(providers=[provider], samples=UncheckedSamples)
            client = open_client(gateway)
            body = {"audioUrl": client.upload(recording(0))["public_url"], "text": TEXT, "provider": "elevenlabs"}
            answer = client.post("/v1/proxy/core-instant-clone-tts", body)
            assert answer.status_code == 200, answer.text
        assert len(sent) >= 2
        spans = send_all(collector, "POST 127.0.0.1")
        ids = {f"00-{one.trace}-{one.id}" for one in spans if one.name == "POST 127.0.0.1"}
        assert {one and one.decode().rpartition("-")[0] for one in sent} == (ids if is_propagated else {None})
    finally:
        stop_tracing(seconds=0)


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_callers_traceparent_is_continued_only_if_the_operator_says_so(
    traced: Collector, make_gateway: MakeGateway, is_trusted: bool
) -> None:
    client = open_client(with_fake_provider(make_gateway, otel_trust_traceparent=is_trusted).gateway)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.get("/v1/media", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    client.get("/v1/media", headers={"traceparent": "nonsense"})
    first, second = [one for one in send_all(traced, "GET /v1/media") if one.name == "GET /v1/media"]
    assert (first.trace == trace) is is_trusted
    assert first.parent == ("00f067aa0ba902b7" if is_trusted else "")
    assert second.parent == ""


def test_health_and_metrics_are_not_traced_and_a_failure_is_marked(
    traced: Collector, make_gateway: MakeGateway
) -> None:
    env = with_fake_provider(make_gateway)
    client = open_client(env.gateway)
    client.http.get("/healthz")
    env.provider.failure = RuntimeError("the words of the customer")  # type: ignore[assignment]
    assert client.post(TTS, {"text": "Hello.", "voice_id": "hum"}).status_code == 500
    spans = send_all(traced, f"POST {TTS}")
    assert "GET /healthz" not in {one.name for one in spans}
    failed = {one.name: one.attributes["error.type"] for one in spans if one.is_error}
    assert failed == {f"POST {TTS}": "500", "provider speak": "internal_error"}


def test_a_collector_that_does_not_answer_slows_and_fails_nothing(
    collector: Collector, make_gateway: MakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 503
    client: GatewayClient = open_client(with_fake_provider(make_gateway).gateway)
    for endpoint in (collector.url, "http://127.0.0.1:9"):  # one that refuses, and one that is not there
        start_tracing(endpoint, process="api", version="test")
        for number in range(5_000):  # more than may wait
            with start_span(f"span {number}"):
                pass
        assert client.get("/v1/media").status_code == 200
        began = time.monotonic()
        stop_tracing(seconds=0.2)
        assert time.monotonic() - began < 30  # the retries of the exporter would take longer
    assert collector.spans == []


def test_without_an_endpoint_nothing_is_recorded_or_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert not start_tracing(None, process="api", version="test")
    assert start_span("nothing") is tracing.NO_SPAN
    assert tracing.current_traceparent() is None
    program = (
        "import sys, voxport.app, voxport.worker;"
        "from voxport.telemetry.tracing import start_tracing;"
        "assert not start_tracing(None, process='api', version='1');"
        "print([one for one in sys.modules if one.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_standard_variables_name_a_collector_and_turn_traces_off(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not start_tracing(None, process="worker", version="test")
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    assert start_tracing(None, process="worker", version="test")
    with start_span("by a standard variable"):
        pass
    (span,) = send_all(collector, "by a standard variable")
    assert span.process == "worker"


def test_without_the_extra_the_gateway_runs_on_and_says_what_is_missing(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "voxport.telemetry.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    assert not start_tracing(collector.url, process="api", version="test")
    assert "voxport[otel]" in caplog.text
