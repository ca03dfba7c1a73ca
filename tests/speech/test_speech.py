"""core-tts with a fake provider: the response, its file, and its price."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
import wave
from decimal import Decimal
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import serving
from tests.support.stored import stored_keys
from voxport.app import create_app
from voxport.billing.verify import verify
from voxport.errors import Invalid, ProviderBusy, ProviderFailed, ProviderTimeout, ProviderUnavailable, VoxportError

TTS = "/v1/proxy/core-tts"
BODY = {"text": "This is generated with my voice, and it is long enough to be held.", "voice_id": "hum"}


def test_the_answer_tells_where_the_audio_is_and_what_it_cost(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.samples = 50_400  # 2.1 s
    answer = customer.post(TTS, {**BODY, "provider": "local", "folder_id": "fold_123"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    data = body["data"]
    assert (data["provider"], data["voice_id"], data["folder_id"]) == ("local", "hum", "fold_123")
    assert data["cloned_voice_id"] is None
    assert data["duration_seconds"] == 2.1
    assert data["key"].startswith("audio/tts/")
    assert data["key"].endswith(".mp3")
    assert urlsplit(data["url"]).path.endswith(f"/{data['key']}")
    assert body["usage"] == {"units": 2.1, "unit_type": "second"}
    assert body["cost"] == {"units": 2.1, "unit_price": 0.01, "tokens": 0.021, "balance": 99.979}
    assert customer.balance() == {"balance": 99.979, "credits": 99.979, "held": 0.0, "currency": "token"}
    row = customer.get("/v2/billing/ledger").json()["data"][0]
    assert row["request_id"] == answer.headers["X-Gateway-Request-ID"]
    assert (row["service"], row["units"], row["tokens"], row["job_id"]) == ("core-tts", 2.1, -0.021, None)
    assert verify(customer.gateway.database) == []


def test_the_provider_and_the_label_may_be_left_out(customer: GatewayClient) -> None:
    data = customer.post(TTS, BODY).json()["data"]
    assert (data["provider"], data["folder_id"]) == ("local", None)


@pytest.mark.parametrize(
    ("output_format", "content_type", "extension", "magic"),
    [
        (None, "audio/mpeg", ".mp3", (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
        ("mp3", "audio/mpeg", ".mp3", (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
        ("wav", "audio/wav", ".wav", (b"RIFF",)),
        ("ogg", "audio/ogg", ".ogg", (b"OggS",)),
        ("flac", "audio/flac", ".flac", (b"fLaC",)),
        ("pcm", "audio/L16", ".pcm", (b"",)),
    ],
)
def test_the_file_has_the_format_that_was_asked_for(
    customer: GatewayClient, output_format: str | None, content_type: str, extension: str, magic: tuple[bytes, ...]
) -> None:
    body = BODY if output_format is None else {**BODY, "output_format": output_format}
    data = customer.post(TTS, body).json()["data"]
    assert data["key"].endswith(extension)
    read = customer.http.get(data["url"])
    assert read.status_code == 200
    assert read.headers["Content-Type"].lower().startswith(content_type.lower())
    assert read.content.startswith(magic)
    if output_format == "pcm":
        assert len(read.content) == 48_000
    if output_format == "wav":
        with wave.open(io.BytesIO(read.content)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (
                1,
                2,
                24_000,
                24_000,
            )


@pytest.mark.parametrize(
    ("samples", "seconds", "tokens"),
    [
        (480, "0.1", "0.001"),
        (3_599, "0.1", "0.001"),
        (3_600, "0.2", "0.002"),
        (25_200, "1.1", "0.011"),
        (240_000, "10.0", "0.1"),
    ],
)
def test_seconds_and_tokens_are_exact_to_the_last_digit(
    customer: GatewayClient, fake_env: FakeProviderEnv, samples: int, seconds: str, tokens: str
) -> None:
    fake_env.provider.samples = samples
    answer = json.loads(customer.post(TTS, {**BODY, "output_format": "wav"}).text, parse_float=Decimal)
    assert answer["data"]["duration_seconds"] == answer["usage"]["units"] == answer["cost"]["units"] == Decimal(seconds)
    assert answer["cost"]["tokens"] == Decimal(tokens)
    assert answer["cost"]["balance"] == 100 - Decimal(tokens)


def test_audio_longer_than_the_hold_costs_the_hold(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.samples = 24_000 * 60
    body = customer.post(TTS, {**BODY, "text": "Hi", "output_format": "wav"}).json()
    assert body["cost"]["units"] == 60
    assert body["cost"]["tokens"] == 0.03
    assert customer.balance()["credits"] == 99.97
    assert verify(customer.gateway.database) == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ProviderFailed("It broke."), 502),
        (ProviderUnavailable("It is down."), 503),
        (ProviderTimeout("It is slow."), 504),
        (ProviderBusy("It is busy.", retry_after_seconds=7), 429),
        (Invalid("It can't be said.", location=("body", "text")), 422),
    ],
    ids=lambda value: str(value),
)
def test_a_failure_of_the_provider_is_told_and_costs_nothing_and_leaves_no_file(
    customer: GatewayClient, fake_env: FakeProviderEnv, failure: VoxportError, status: int
) -> None:
    fake_env.provider.failure = failure
    answer = customer.post(TTS, BODY)
    assert answer.status_code == status
    assert error_of(answer)["message"] == failure.message
    assert (answer.headers.get("Retry-After") == "7") is (status == 429)
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert stored_keys(customer.gateway) == []
    assert verify(customer.gateway.database) == []


def test_silence_instead_of_audio_is_a_failure_that_costs_nothing(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.samples = 0
    answer = customer.post(TTS, BODY)
    assert answer.status_code == 502
    assert error_of(answer)["code"] == "provider_failed"
    assert customer.balance()["balance"] == 100
    assert stored_keys(customer.gateway) == []


def test_a_click_instead_of_audio_is_no_failure_of_our_own(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.samples = 100
    answer = customer.post(TTS, {**BODY, "output_format": "wav"})
    assert answer.status_code in (200, 502), answer.text
    assert customer.balance()["held"] == 0


def test_two_calls_give_two_files(customer: GatewayClient) -> None:
    keys = {customer.post(TTS, BODY).json()["data"]["key"] for _ in range(3)}
    assert len(keys) == 3
    assert len(stored_keys(customer.gateway)) == 3


def test_the_audio_of_one_profile_is_no_sample_for_another(customer: GatewayClient) -> None:
    url = customer.post(TTS, BODY).json()["data"]["url"]
    body = {"audioUrl": url, "provider": "local"}
    assert customer.another_customer().post("/v1/proxy/core-voice-clone", body).status_code == 404
    assert customer.post("/v1/proxy/core-voice-clone", body).status_code == 202


@pytest.mark.folder_only("a URL that the gateway signs")
def test_the_urls_path_is_not_enough(customer: GatewayClient) -> None:
    url = customer.post(TTS, BODY).json()["data"]["url"]
    assert customer.http.get(urlsplit(url).path).status_code == 403


def test_a_call_that_waits_too_long_for_its_turn_is_429(fake_env: FakeProviderEnv) -> None:
    settings = fake_env.gateway.settings.model_copy(update={"speech_concurrency": 1, "speech_queue_seconds": 0.2})
    gateway = dataclasses.replace(fake_env.gateway, settings=settings)
    app = create_app(settings, gateway=gateway)
    first = GatewayClient(gateway, app, "100")
    second = GatewayClient(gateway, app, "100")
    entered, leave = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        entered.set()
        assert leave.wait(30)

    fake_env.provider.on_piece = wait
    with first.http:
        second.http.portal = first.http.portal  # one event loop, as behind one server
        answers: list[int] = []
        caller = threading.Thread(target=lambda: answers.append(first.post(TTS, BODY).status_code))
        caller.start()
        assert entered.wait(30)
        busy = second.post(TTS, BODY)
        assert first.get("/v2/billing/balance").status_code == 200
        leave.set()
        caller.join(30)
    assert answers == [200]
    assert busy.status_code == 429
    assert error_of(busy)["code"] == "provider_busy"
    assert int(busy.headers["Retry-After"]) >= 1


def test_many_calls_at_once_are_all_answered_and_all_their_holds_end(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    statuses: list[int] = []
    with serving(client) as port:

        def ask() -> None:
            answer = httpx2.post(f"http://127.0.0.1:{port}{TTS}", json=BODY, headers=client.headers, timeout=60)
            statuses.append(answer.status_code)

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 40
    assert client.balance() == {"balance": 99.6, "credits": 99.6, "held": 0.0, "currency": "token"}
    assert verify(client.gateway.database) == []
