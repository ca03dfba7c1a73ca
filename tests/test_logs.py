"""No log line contains a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from pathlib import Path

import httpx2
import pytest

from tests.support.server import send_raw, wait_until
from voxport.logs import JsonFormatter, redact
from voxport.testing.running_gateway import running_gateway

SECRET = "c0ffee0badc0de"
LINES = [
    f"the key vxp_{SECRET} is wrong",
    f"GET https://h/a?operation=get&signature={SECRET} failed",
    f"audioUrl=https%3A%2F%2Fs3%2Fa.wav%3FX-Amz-Credential%3D{SECRET}%26X-Amz-Signature%3D{SECRET}",
    f"https%253A%252F%252Fs3%252Fa.wav%253FX-Amz-Signature%253D{SECRET}",
    f"signature={SECRET}&more=1",
    f"X-Amz-Signature%3D{SECRET}",
    json.dumps({"X-Amz-Signature": SECRET}),
    json.dumps({"said": json.dumps({"xi-api-key": SECRET, "token": SECRET})}),
    f"Authorization: Bearer {SECRET}",
    f"{{'authorization': 'Basic {SECRET}'}}",
    f"sent Bearer {SECRET}",
    f"https://h/https://h/a?token={SECRET}",
    f"https%3A%2F%2Fh%2Fhttps://h/a%3Ftoken%3D{SECRET}",
    f"(b'xi-api-key', b'{SECRET}')",
    f"x-api-key={SECRET}",
    f"webhook secret whsec_{SECRET}+/==",
    f"sk_{SECRET} sk-api-{SECRET}",
    f"postgresql+psycopg://voxport:{SECRET}@db.internal/voxport",
]
PLAIN = [
    '{"token_cost": 5.0, "tokens": 3, "key": "key_abc", "request_id": "req_abc"}',
    "The signature of this URL is not valid. Ask for a new URL.",
    "GET https://media.example.com/a.wav answered 404",
]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_taken_out_of_a_line(line: str) -> None:
    assert SECRET not in redact(line)


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line


@pytest.mark.parametrize("piece", ["a+", "a+a", "http://", "https%3A%2F%2F", "a://b:", "bearer ", "token=", "%25"])
def test_the_longest_path_that_a_stranger_may_send_is_scrubbed_in_no_time(piece: str) -> None:
    path = "/" + piece * (8_000 // len(piece))
    began = time.process_time()
    for _ in range(10):
        redact(path)
    assert time.process_time() - began < 1, "every call is logged, in the thread that serves all of them"


def test_a_chain_of_exceptions_holds_no_secret() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    try:
        try:
            raise ValueError(f"Authorization: Bearer {SECRET}")
        except ValueError as error:
            raise RuntimeError(f"https://h/a?signature={SECRET}") from error
    except RuntimeError:
        log.exception("failed for vxp_%s", SECRET, extra={"sent": {"xi-api-key": SECRET}})
    written = json.loads(stream.getvalue())
    assert "RuntimeError" in written["exception"]
    assert "ValueError" in written["exception"]
    assert SECRET not in stream.getvalue()


@pytest.mark.slow
def test_a_whole_flow_with_errors_leaves_no_secret_in_the_log(tmp_path: Path) -> None:
    provider_key = f"xi-{SECRET}"
    settings = {
        "VOXPORT_ELEVENLABS_API_KEY": provider_key,
        "VOXPORT_ELEVENLABS_BASE_URL": "http://127.0.0.1:9",  # nobody listens
        "VOXPORT_LOG_LEVEL": "debug",
        "VOXPORT_RATE_LIMIT_PER_SECOND": "2",
        "VOXPORT_RATE_LIMIT_BURST": "10",
    }
    with running_gateway(tmp_path, "--no-worker", ready=False, **settings) as running, running.client() as client:
        announced = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}
        slot = client.post("/v1/proxy/upload-media", json=announced).json()["data"]
        signature, reading = (re.split("(?i)signature=", slot[name])[1] for name in ("upload_url", "public_url"))
        wrong = httpx2.put(slot["upload_url"], content=b"x", headers={"Content-Type": "audio/mpeg"})
        assert wrong.status_code in (415, 403)  # 403 by S3
        assert httpx2.put(slot["upload_url"] + "0", content=b"x").status_code == 403
        upload = httpx2.put(slot["upload_url"], content=b"no audio", headers={"Content-Type": "audio/wav"})
        assert upload.status_code == 200
        instant = {"audioUrl": slot["public_url"], "text": "Hello.", "provider": "local"}
        assert client.post("/v1/proxy/core-instant-clone-tts", json=instant).status_code == 400
        clone = {"audioUrl": slot["public_url"], "provider": "elevenlabs"}
        assert client.post("/v1/proxy/core-voice-clone", json=clone).status_code == 503
        spoken = {"text": "Hello.", "voice_id": "21m00Tcm4TlvDq8ikWAM", "provider": "elevenlabs"}
        assert client.post("/v1/proxy/core-tts", json=spoken).status_code >= 400
        signing = [client.get("/v2/webhooks/secret").json()["data"]["secret"]]
        signing.append(client.post("/v2/webhooks/secret/rotate").json()["data"]["secret"])
        hook_url = f"https://hooks.example.com/in?token={SECRET}"
        job = client.post(
            "/v1/proxy/core-voice-clone", json={**clone, "provider": "local", "webhook_url": hook_url}
        ).json()["job"]
        assert client.post(f"/v2/jobs/{job['id']}/cancel").status_code == 200
        assert client.put("/v2/billing/alert", json={"below": 1, "webhook_url": hook_url}).status_code == 200
        refused = client.put("/v2/billing/alert", json={"below": 1, "webhook_url": f"http://10.0.0.1/?token={SECRET}"})
        assert refused.status_code == 400
        guessed = httpx2.get(f"{running.url}/v2/jobs", headers={"Authorization": f"Bearer vxp_{SECRET}"})
        assert guessed.status_code == 401
        raw = f"GET /v2/jobs?signature={SECRET} HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {SECRET}\r\n\r\n"
        assert send_raw(int(running.url.rpartition(":")[2]), raw.encode()).startswith(b"HTTP/1.1 400")
        while client.get("/v2/jobs").status_code == 200:  # until the rate limit refuses
            pass
        log = running.stderr.read_text
        wait_until(lambda: '"status": 429' in log(), seconds=10, what="the line of the last call")
    for secret in (running.key, signature, reading, provider_key, SECRET, *signing):
        assert secret not in log(), secret
