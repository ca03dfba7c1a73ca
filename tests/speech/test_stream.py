"""core-tts as a stream over real sockets, to clients that stay and clients that disconnect."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.errors import ProviderBusy, ProviderFailed
from voxport.providers.base import SAMPLE_RATE
from voxport.speech import endpoints

TTS = "/v1/proxy/core-tts"
BODY: dict[str, Any] = {"text": "This is a long text, as it is spoken. " * 30, "voice_id": "hum", "stream": True}


@pytest.fixture
def five(fake_env: FakeProviderEnv) -> FakeProviderEnv:
    """A provider whose speech is always five pieces of one second."""
    fake_env.provider.samples, fake_env.provider.pieces = 5 * SAMPLE_RATE, 5
    return fake_env


def cost_of(client: GatewayClient, request_id: str) -> dict[str, Any]:
    answer = client.get(f"/v2/billing/requests/{request_id}")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def settled(client: GatewayClient) -> None:
    wait_until(lambda: client.balance()["held"] == 0, seconds=20, what="the end of the hold")


@contextlib.contextmanager
def asked(client: GatewayClient, port: int, **fields: Any) -> Any:
    """Send the request. Yields the connection, unread."""
    body = json.dumps({**BODY, **fields}).encode()
    head = (
        f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + body)
        yield connection


@pytest.mark.parametrize(
    ("output_format", "content_type", "magic"),
    [
        (None, "audio/mpeg", b"\xff"),
        ("mp3", "audio/mpeg", b"\xff"),
        ("ogg", "audio/ogg", b"OggS"),
        ("wav", "audio/wav", b"RIFF"),
    ],
)
def test_the_body_is_the_audio_and_the_headers_tell_the_rest(
    customer: GatewayClient, five: FakeProviderEnv, output_format: str | None, content_type: str, magic: bytes
) -> None:
    fields = {} if output_format is None else {"output_format": output_format}
    answer = customer.post(TTS, {**BODY, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == content_type
    assert "Content-Length" not in answer.headers
    assert answer.content.startswith(magic)
    assert answer.headers["X-Used-Voice-Id"] == "hum"
    assert answer.headers["X-Provider"] == "local"
    assert answer.headers["X-Text-Length"] == str(len(BODY["text"]))
    assert float(answer.headers["X-Gateway-Hold"]) > 3
    cost = cost_of(customer, answer.headers["X-Gateway-Request-ID"])
    assert (cost["service"], cost["status"], cost["units"], cost["tokens"]) == ("core-tts", "captured", 5.0, 0.05)
    assert customer.balance() == {"balance": 99.95, "credits": 99.95, "held": 0.0, "currency": "token"}
    assert five.provider.requests[0].low_latency is True
    assert verify(customer.gateway.database) == []


@pytest.mark.parametrize("output_format", ["flac", "pcm"])
def test_a_format_that_cannot_be_streamed_is_422(customer: GatewayClient, output_format: str) -> None:
    answer = customer.post(TTS, {**BODY, "output_format": output_format})
    assert answer.status_code == 422
    assert "mp3, ogg, ulaw, wav" in error_of(answer)["message"]


def test_a_provider_that_cannot_stream_is_400(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.supports_streaming = False
    answer = customer.post(TTS, BODY)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "provider_cannot_stream")


def test_a_stream_that_is_to_be_a_job_is_422_and_costs_nothing(customer: GatewayClient) -> None:
    before = customer.balance()
    answer = customer.post(TTS, BODY, headers={"Prefer": "wait=5, respond-async"})
    assert answer.status_code == 422
    assert "choose one" in error_of(answer)["message"]
    assert customer.balance() == before


def test_the_hold_of_the_headers_is_what_is_held(customer: GatewayClient, five: FakeProviderEnv) -> None:
    held: list[float] = []
    five.provider.on_piece = lambda _: held.append(customer.balance()["held"])
    answer = customer.post(TTS, {**BODY, "output_format": "wav"})
    assert set(held) == {float(answer.headers["X-Gateway-Hold"])}


def test_too_little_money_is_402_before_anything_is_spoken(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    answer = customer.another_customer(credits="0.01").post(TTS, BODY)
    assert answer.status_code == 402
    assert fake_env.provider.requests == []


@pytest.mark.parametrize("output_format", ["mp3", "ogg", "wav"])
def test_an_error_before_the_first_audio_is_an_answer_like_any_other(
    customer: GatewayClient, fake_env: FakeProviderEnv, output_format: str
) -> None:
    fake_env.provider.failure = ProviderBusy("It is busy.", retry_after_seconds=7)
    answer = customer.post(TTS, {**BODY, "output_format": output_format})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert error_of(answer)["message"] == "It is busy."
    assert cost_of(customer, answer.headers["X-Gateway-Request-ID"])["status"] == "released"
    assert customer.balance()["balance"] == 100


@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_the_first_audio_is_there_while_the_rest_is_being_made(
    customer: GatewayClient, five: FakeProviderEnv, output_format: str
) -> None:
    heard = threading.Event()
    five.provider.on_piece = lambda number: None if number == 0 else _wait(heard)
    with (
        serving(customer) as port,
        httpx2.stream(
            "POST",
            f"http://127.0.0.1:{port}{TTS}",
            json={**BODY, "output_format": output_format},
            headers=customer.headers,
            timeout=30,
        ) as answer,
    ):
        chunks = answer.iter_raw()
        first = next(chunks)
        assert len(first) > 40
        request_id = answer.headers["X-Gateway-Request-ID"]
        open_cost = cost_of(customer, request_id)
        assert (open_cost["status"], open_cost["tokens"], open_cost["settled_at"]) == ("open", None, None)
        heard.set()
        rest = b"".join(chunks)
    assert len(rest) > 4 * 14_000
    assert cost_of(customer, request_id)["units"] == 5.0


@pytest.mark.parametrize("output_format", ["mp3", "ogg", "wav"])
def test_a_client_that_goes_away_pays_for_what_was_made_and_no_more_is_made(
    customer: GatewayClient, fake_env: FakeProviderEnv, output_format: str
) -> None:
    fake_env.provider.samples, fake_env.provider.pieces = 300 * SAMPLE_RATE, 300
    spoken_pieces: list[int] = []
    fake_env.provider.on_piece = spoken_pieces.append
    with serving(customer) as port:
        with asked(customer, port, output_format=output_format) as connection:
            received = connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            request_id = received.split(b"x-gateway-request-id: ")[1].split(b"\r\n")[0].decode()
        settled(customer)
    cost = cost_of(customer, request_id)
    assert cost["status"] == "captured"
    assert cost["units"] == len(spoken_pieces)
    assert 1 <= len(spoken_pieces) < 300
    assert customer.gateway.billing.read_funds(customer.profile_id).credits == 100_000_000 - len(spoken_pieces) * 10_000
    assert verify(customer.gateway.database) == []


@pytest.mark.parametrize("failure", [ProviderFailed("It broke."), ZeroDivisionError()], ids=["told", "bug"])
@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_an_error_in_the_middle_breaks_the_body_off_and_costs_nothing(
    customer: GatewayClient, five: FakeProviderEnv, output_format: str, failure: Any
) -> None:
    heard = threading.Event()
    five.provider.failure, five.provider.fail_at_piece = failure, 3
    five.provider.on_piece = lambda number: _wait(heard) if number == 2 else None
    with serving(customer) as port, asked(customer, port, output_format=output_format) as connection:
        received = connection.recv(65_536)
        heard.set()
        while data := connection.recv(65_536):
            received += data
    assert received.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in received
    assert not received.endswith(b"0\r\n\r\n"), "a clean end would make the half pass for the whole"
    settled(customer)
    assert customer.balance()["balance"] == 100
    assert verify(customer.gateway.database) == []


def test_a_stop_of_the_gateway_cuts_the_stream_off_and_costs_nothing(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    heard = threading.Event()
    five.provider.on_piece = lambda number: _wait(heard) if number == 2 else None

    async def stopped() -> None:
        app_receive, app_send = asyncio.Event(), asyncio.Event()
        body: list[Message] = [{"type": "http.request", "body": json.dumps({**BODY, "output_format": "wav"}).encode()}]

        async def receive() -> Message:
            if not body:
                await app_receive.wait()
            return body.pop()

        async def send(message: Message) -> None:
            if message.get("body"):
                app_send.set()

        headers = [(b"authorization", f"Bearer {customer.key}".encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": TTS, "query_string": b"", "headers": headers}
        call = asyncio.create_task(customer.app(scope, receive, send))
        await app_send.wait()
        call.cancel()
        heard.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(stopped())
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


@pytest.mark.parametrize("piece", [0, 2], ids=["the first part", "a later part"])
def test_a_stop_of_the_gateway_while_a_part_is_being_made_costs_nothing(
    customer: GatewayClient, five: FakeProviderEnv, piece: int
) -> None:
    limiter = customer.app.state.limiters.for_provider("local")
    free, begun, heard = limiter.available, threading.Event(), threading.Event()

    def on_piece(number: int) -> None:
        if number == piece:
            begun.set()
            _wait(heard)

    five.provider.on_piece = on_piece

    async def stopped() -> None:
        body: list[Message] = [{"type": "http.request", "body": json.dumps({**BODY, "output_format": "wav"}).encode()}]

        async def receive() -> Message:
            if not body:
                await asyncio.Event().wait()
            return body.pop()

        async def send(_: Message) -> None:
            pass

        headers = [(b"authorization", f"Bearer {customer.key}".encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": TTS, "query_string": b"", "headers": headers}
        call = asyncio.create_task(customer.app(scope, receive, send))
        await asyncio.to_thread(_wait, begun)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    try:
        asyncio.run(stopped())
    finally:
        heard.set()
    settled(customer)
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert limiter.available == free


def test_a_stream_whose_response_cannot_be_made_costs_nothing(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = customer.app.state.limiters.for_provider("local")
    free = limiter.available
    monkeypatch.setattr(endpoints, "_stream_headers", lambda *_, **__: {"X-Broken": "\N{SNOWMAN}"})
    assert customer.post(TTS, {**BODY, "output_format": "wav"}).status_code == 500
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert limiter.available == free


def test_a_stream_keeps_its_place_until_its_end_and_gives_it_back(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    limiter = customer.app.state.limiters.for_provider("local")
    free = limiter.available
    seen: list[int] = []
    fake_env.provider.on_piece = lambda _: seen.append(limiter.available)
    assert customer.post(TTS, BODY).status_code == 200
    assert seen == [free - 1]
    assert limiter.available == free
    fake_env.provider.failure = ProviderFailed("It broke.")
    assert customer.post(TTS, BODY).status_code == 502
    assert limiter.available == free


def _wait(event: threading.Event) -> None:
    assert event.wait(20)
