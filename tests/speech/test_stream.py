"""core-tts as a stream: over real sockets, to readers that stay and readers that go."""

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

from tests.support.client import Client, error_of
from tests.support.providers import Humming
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.errors import ProviderBusy, ProviderFailed
from voxport.providers.base import SAMPLE_RATE

TTS = "/v1/proxy/core-tts"
BODY: dict[str, Any] = {"text": "This is a long text, as it is spoken. " * 30, "voice_id": "hum", "stream": True}


@pytest.fixture
def five(humming: Humming) -> Humming:
    """A provider that speaks everything in five pieces of a second."""
    humming.provider.samples, humming.provider.pieces = 5 * SAMPLE_RATE, 5
    return humming


def cost_of(client: Client, request_id: str) -> dict[str, Any]:
    answer = client.get(f"/v2/billing/requests/{request_id}")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def settled(client: Client) -> None:
    wait_until(lambda: client.balance()["held"] == 0, seconds=20, what="the end of the hold")


@contextlib.contextmanager
def asked(client: Client, port: int, **fields: Any) -> Any:
    """A connection on which the request was sent, and that reads nothing by itself."""
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
    singer: Client, five: Humming, output_format: str | None, content_type: str, magic: bytes
) -> None:
    fields = {} if output_format is None else {"output_format": output_format}
    answer = singer.post(TTS, {**BODY, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == content_type
    assert "Content-Length" not in answer.headers
    assert answer.content.startswith(magic)
    assert answer.headers["X-Used-Voice-Id"] == "hum"
    assert answer.headers["X-Provider"] == "local"
    assert answer.headers["X-Text-Length"] == str(len(BODY["text"]))
    assert float(answer.headers["X-Gateway-Hold"]) > 3
    cost = cost_of(singer, answer.headers["X-Gateway-Request-ID"])
    assert (cost["service"], cost["status"], cost["units"], cost["tokens"]) == ("core-tts", "captured", 5.0, 0.05)
    assert singer.balance() == {"balance": 99.95, "credits": 99.95, "held": 0.0, "currency": "token"}
    assert five.provider.asked[0]["early"] is True
    assert verify(singer.gateway.database) == []


@pytest.mark.parametrize("output_format", ["flac", "pcm"])
def test_a_format_that_cannot_be_streamed_is_422(singer: Client, output_format: str) -> None:
    answer = singer.post(TTS, {**BODY, "output_format": output_format})
    assert answer.status_code == 422
    assert "mp3, ogg, wav" in error_of(answer)["message"]


def test_a_provider_that_cannot_stream_is_400(singer: Client, humming: Humming) -> None:
    humming.provider.streams = False
    answer = singer.post(TTS, BODY)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "provider_cannot_stream")


def test_a_stream_that_is_to_be_a_job_is_422_and_costs_nothing(singer: Client) -> None:
    before = singer.balance()
    answer = singer.post(TTS, BODY, headers={"Prefer": "wait=5, respond-async"})
    assert answer.status_code == 422
    assert "choose one" in error_of(answer)["message"]
    assert singer.balance() == before


def test_the_hold_of_the_headers_is_what_is_held(singer: Client, five: Humming) -> None:
    held: list[float] = []
    five.provider.heard = lambda _: held.append(singer.balance()["held"])
    answer = singer.post(TTS, {**BODY, "output_format": "wav"})
    assert set(held) == {float(answer.headers["X-Gateway-Hold"])}


def test_too_little_money_is_402_before_anything_is_spoken(singer: Client, humming: Humming) -> None:
    answer = singer.another(credits="0.01").post(TTS, BODY)
    assert answer.status_code == 402
    assert humming.provider.asked == []


@pytest.mark.parametrize("output_format", ["mp3", "ogg", "wav"])
def test_an_error_before_the_first_audio_is_an_answer_like_any_other(
    singer: Client, humming: Humming, output_format: str
) -> None:
    humming.provider.failure = ProviderBusy("It is busy.", retry_after_seconds=7)
    answer = singer.post(TTS, {**BODY, "output_format": output_format})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert error_of(answer)["message"] == "It is busy."
    assert cost_of(singer, answer.headers["X-Gateway-Request-ID"])["status"] == "released"
    assert singer.balance()["balance"] == 100


@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_the_first_audio_is_there_while_the_rest_is_being_made(
    singer: Client, five: Humming, output_format: str
) -> None:
    heard = threading.Event()
    five.provider.heard = lambda number: None if number == 0 else _wait(heard)
    with (
        serving(singer) as port,
        httpx2.stream(
            "POST",
            f"http://127.0.0.1:{port}{TTS}",
            json={**BODY, "output_format": output_format},
            headers=singer.headers,
            timeout=30,
        ) as answer,
    ):
        chunks = answer.iter_raw()
        first = next(chunks)
        assert len(first) > 40
        request_id = answer.headers["X-Gateway-Request-ID"]
        open_cost = cost_of(singer, request_id)
        assert (open_cost["status"], open_cost["tokens"], open_cost["settled_at"]) == ("open", None, None)
        heard.set()
        rest = b"".join(chunks)
    assert len(rest) > 4 * 14_000
    assert cost_of(singer, request_id)["units"] == 5.0


@pytest.mark.parametrize("output_format", ["mp3", "ogg", "wav"])
def test_a_client_that_goes_away_pays_for_what_was_made_and_no_more_is_made(
    singer: Client, humming: Humming, output_format: str
) -> None:
    humming.provider.samples, humming.provider.pieces = 300 * SAMPLE_RATE, 300
    made: list[int] = []
    humming.provider.heard = made.append
    with serving(singer) as port:
        with asked(singer, port, output_format=output_format) as connection:
            received = connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            request_id = received.split(b"x-gateway-request-id: ")[1].split(b"\r\n")[0].decode()
        settled(singer)
    cost = cost_of(singer, request_id)
    assert cost["status"] == "captured"
    assert cost["units"] == len(made)
    assert 1 <= len(made) < 300
    assert singer.gateway.billing.read_funds(singer.profile_id).credits == 100_000_000 - len(made) * 10_000
    assert verify(singer.gateway.database) == []


@pytest.mark.parametrize("failure", [ProviderFailed("It broke."), ZeroDivisionError()], ids=["told", "bug"])
@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_an_error_in_the_middle_breaks_the_body_off_and_costs_nothing(
    singer: Client, five: Humming, output_format: str, failure: Any
) -> None:
    heard = threading.Event()
    five.provider.failure, five.provider.fails_at = failure, 3
    five.provider.heard = lambda number: _wait(heard) if number == 2 else None
    with serving(singer) as port, asked(singer, port, output_format=output_format) as connection:
        received = connection.recv(65_536)
        heard.set()
        while data := connection.recv(65_536):
            received += data
    assert received.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in received
    assert not received.endswith(b"0\r\n\r\n"), "a clean end would make the half pass for the whole"
    settled(singer)
    assert singer.balance()["balance"] == 100
    assert verify(singer.gateway.database) == []


def test_a_stop_of_the_gateway_cuts_the_stream_off_and_costs_nothing(singer: Client, five: Humming) -> None:
    heard = threading.Event()
    five.provider.heard = lambda number: _wait(heard) if number == 2 else None

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

        headers = [(b"authorization", f"Bearer {singer.key}".encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": TTS, "query_string": b"", "headers": headers}
        call = asyncio.create_task(singer.app(scope, receive, send))
        await app_send.wait()
        call.cancel()
        heard.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(stopped())
    assert singer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_stream_keeps_its_place_until_its_end_and_gives_it_back(humming: Humming, singer: Client) -> None:
    gate = singer.app.state.gates.of("local")
    free = gate.free
    seen: list[int] = []
    humming.provider.heard = lambda _: seen.append(gate.free)
    assert singer.post(TTS, BODY).status_code == 200
    assert seen == [free - 1]
    assert gate.free == free
    humming.provider.failure = ProviderFailed("It broke.")
    assert singer.post(TTS, BODY).status_code == 502
    assert gate.free == free


def _wait(event: threading.Event) -> None:
    assert event.wait(20)
