"""samples/check: tells what a clone would find, charges and keeps nothing, and refuses what a clone refuses."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from voxport.errors import SampleUnusable

CHECK = "/v1/samples/check"
UNTOUCHED = {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def wav(samples: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24_000)
        out.writeframes((samples * 32_767).astype("<i2").tobytes())
    return file.getvalue()


def check(client: GatewayClient, url: str) -> httpx2.Response:
    return client.post(CHECK, {"audioUrl": url})


def test_a_good_recording_is_described_and_it_is_free(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    before = client.get("/v1/media").json()
    url = client.upload()["public_url"]
    answer = check(client, url)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data == {
        "speech_seconds": 50.0,
        "duration_seconds": 60.0,
        "snr_db": 40.0,
        "level_dbfs": -20.0,
        "bandwidth_hz": 11_000.0,
        "clipped_share": 0.0,
        "speakers": 1,
        "reverberation": "low",
        "verdict": "excellent",
        "summary": data["summary"],
        "advice": [],
        "warnings": [],
    }
    assert data["summary"].startswith("Excellent: 50.0 seconds of speech")
    assert client.balance() == UNTOUCHED
    assert len(client.get("/v1/media").json()["data"]) == len(before["data"]) + 1, "only the upload itself"
    assert client.get("/v2/jobs").json()["data"] == []
    assert check(client, url).json()["data"] == data, "a recording may be checked again, and cloned after it"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (wav(np.zeros(48_000)), "silent"),
        (b"This is no audio at all. " * 50, None),
        (wav(np.zeros(48_000))[:30], None),
    ],
    ids=["silence", "text", "a cut header"],
)
def test_what_can_t_be_cloned_is_refused_in_the_words_of_a_clone(
    client: GatewayClient, content: bytes, reason: str | None
) -> None:
    answer = check(client, client.upload(content)["public_url"])
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "sample_unusable"
    assert reason is None or error["details"]["reason"] == reason
    assert client.balance() == UNTOUCHED


def test_the_loader_s_refusal_is_passed_on(fake_env: FakeProviderEnv) -> None:
    fake_env.samples.failure = SampleUnusable("Only 1.2 seconds of speech were found.", details={"reason": "too_short"})
    client = open_client(fake_env.gateway)
    error = error_of(check(client, client.upload()["public_url"]))
    assert (error["code"], error["details"]["reason"]) == ("sample_unusable", "too_short")


def test_urls_are_judged_as_those_of_a_clone(client: GatewayClient) -> None:
    slot = client.upload_slot()
    other = client.another_customer().upload()["public_url"]
    for url, status, code in [
        (slot["public_url"], 404, "media_not_found"),
        (slot["upload_url"], 400, "audio_url_unusable"),
        (other, 404, "media_not_found"),
        ("http://127.0.0.1:9/x.wav", 400, "audio_url_unusable"),
        ("file:///etc/passwd", 400, "audio_url_unusable"),
    ]:
        if client.gateway.settings.s3_endpoint_url is not None and url == slot["upload_url"]:
            continue
        answer = check(client, url)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code), url


def test_a_key_is_needed_and_the_body_has_one_field(client: GatewayClient) -> None:
    assert client.http.post(CHECK, json={"audioUrl": "x"}).status_code == 401
    answer = client.post(CHECK, {"audio_url": "https://example.com/a.wav"})
    assert answer.status_code == 422
    assert "audioUrl" in error_of(answer)["message"]


def test_the_document_describes_the_call(client: GatewayClient) -> None:
    document = client.http.get("/openapi.json").json()
    operation = document["paths"][CHECK]["post"]
    assert operation["tags"] == ["cloning"]
    assert {"200", "401", "422", "429"} <= set(operation["responses"])


def test_checks_wait_for_each_other_and_take_no_slot_of_a_call_that_is_paid_for(make_gateway: MakeGateway) -> None:
    env = with_fake_provider(make_gateway, speech_concurrency=1, speech_queue_seconds=1)
    client = open_client(env.gateway)
    url = client.upload()["public_url"]
    inside, go_on = threading.Semaphore(0), threading.Event()

    def wait(_: Callable[[], None]) -> None:
        inside.release()
        assert go_on.wait(20)

    env.samples.on_load = wait
    with ThreadPoolExecutor(3) as threads:
        under_way = [threads.submit(check, client, url) for _ in range(2)]
        assert all(inside.acquire(timeout=20) for _ in range(2))
        speech = client.post("/v1/proxy/core-tts", {"text": "Hello.", "voice_id": "hum"})
        third = check(client, url)
        go_on.set()
        assert [one.result(20).status_code for one in under_way] == [200, 200]
    assert speech.status_code == 200
    assert third.status_code == 429
    assert int(third.headers["Retry-After"]) >= 1
