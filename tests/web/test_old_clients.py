"""HTTP/1.0 clients, and clients that send JSON without its content type."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from tests.support.audio_features import decoded
from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import serving, wait_until
from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE

TTS = "/v1/proxy/core-tts"


def exchange(port: int, method: str, path: str, key: str, body: bytes = b"", more: str = "") -> tuple[bytes, bytes]:
    """Returns head and body of an HTTP/1.0 response, read until the connection closes."""
    head = f"{method} {path} HTTP/1.0\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{more}"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head_bytes, _, rest = received.partition(b"\r\n\r\n")
    return head_bytes.lower(), rest


@pytest.mark.parametrize("output_format", ["wav", "mp3", "ogg"])
@pytest.mark.parametrize("more", ["", "Connection: keep-alive\r\n"])
def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_its_connection(
    customer: GatewayClient, fake_env: FakeProviderEnv, output_format: str, more: str
) -> None:
    fake_env.provider.samples, fake_env.provider.pieces = 3 * SAMPLE_RATE, 3
    body = {"text": "Hello.", "voice_id": "hum", "stream": True, "output_format": output_format}
    with serving(customer) as port:
        head, audio = exchange(port, "POST", TTS, customer.key, json.dumps(body).encode(), more)
    assert b" 200 ok" in head and b"connection: close" in head
    assert b"transfer-encoding" not in head and b"content-length" not in head
    assert decoded(audio).size == pytest.approx(3 * SAMPLE_RATE, rel=0.1)


def test_a_stream_to_http_1_0_that_breaks_off_ends_with_a_reset(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.samples, fake_env.provider.pieces, fake_env.provider.fail_at_piece = 30 * SAMPLE_RATE, 30, 20
    fake_env.provider.failure = ProviderFailed("It broke.")
    body = {"text": "Hello. " * 100, "voice_id": "hum", "stream": True, "output_format": "wav"}
    with serving(customer) as port, pytest.raises(ConnectionResetError):
        exchange(port, "POST", TTS, customer.key, json.dumps(body).encode())


def test_a_client_of_http_1_0_that_goes_away_pays_for_what_was_made(
    customer: GatewayClient, fake_env: FakeProviderEnv, caplog: pytest.LogCaptureFixture
) -> None:
    fake_env.provider.samples, fake_env.provider.pieces = 60 * SAMPLE_RATE, 60
    go_on = threading.Event()
    fake_env.provider.on_piece = lambda number: number < 20 or go_on.wait(20)  # type: ignore[assignment]
    body = json.dumps({"text": "Hello. " * 100, "voice_id": "hum", "stream": True, "output_format": "wav"}).encode()
    with serving(customer) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            head = f"POST {TTS} HTTP/1.0\r\nX-API-Key: {customer.key}\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert connection.recv(100)
        go_on.set()
        wait_until(lambda: customer.balance()["held"] == 0, seconds=20, what="the end of the hold")
    assert 0 < 100 - customer.balance()["credits"] <= 0.6
    assert not [record for record in caplog.records if record.exc_info and record.name.startswith("uvicorn")]


def test_answers_of_a_known_length_are_as_ever_in_http_1_0(client: GatewayClient) -> None:
    with serving(client) as port:
        head, body = exchange(port, "GET", "/v2/billing/balance", client.key)
        assert f"content-length: {len(body)}".encode() in head
        head, body = exchange(port, "HEAD", "/healthz", client.key)
        assert b" 200 " in head and body == b""
        head, body = exchange(port, "GET", "/nothing", client.key)
        assert b" 404 " in head and json.loads(body)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "content_type", [None, "application/x-www-form-urlencoded", "text/plain", "text/plain;charset=UTF-8", "multipart/x"]
)
def test_a_body_without_the_type_of_json_is_told_to_send_it(client: GatewayClient, content_type: str | None) -> None:
    headers = {**client.headers, **({"Content-Type": content_type} if content_type else {})}
    body = b'{"text": "Hello.", "voice_id": "af_heart"}'
    answer = client.http.post(TTS, content=body, headers=headers)
    assert answer.status_code == 422
    message = error_of(answer)["message"]
    assert "Content-Type: application/json" in message
    assert (content_type or "without a Content-Type") in message


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1"])
def test_json_that_is_no_object_is_not_told_of_its_type(client: GatewayClient, body: bytes) -> None:
    answer = client.post_raw(TTS, body)
    assert answer.status_code == 422
    assert "Content-Type" not in error_of(answer)["message"]


def test_a_type_of_json_with_parameters_is_read(client: GatewayClient) -> None:
    body: dict[str, Any] = {"text": "Hello.", "voice_id": "nobody"}
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"):
        assert client.post_raw(TTS, json.dumps(body).encode(), content_type).status_code == 404
