"""A listener disconnects while the provider sends next to nothing: the hold does not wait for the provider."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.providers.base import SAMPLE_RATE, Capabilities, Piece, Utterance, VoiceRef
from voxport.providers.chunked_speech import speak_in_parts

TTS = "/v1/proxy/core-tts"
TEXT = "This is a text that goes on and on. " * 20
_TONE = (np.sin(np.arange(4 * SAMPLE_RATE) * 2 * np.pi * 220 / SAMPLE_RATE) * 16_000).astype("<i2").tobytes()


class DrippingProvider(FakeProvider):
    """Sends four seconds of a tone, then two samples now and then (`drips`) or nothing, until `go_on` is set."""

    def __init__(self, *, drips: bool) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.drips = drips
        self.closed = threading.Event()
        self.begun = threading.Event()
        self.begins = threading.Event()
        self.begins.set()

    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities(), is_hosted=True)

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        return speak_in_parts(utterance, limit=5_000, source=self._source)

    def _source(self, _: str) -> Iterator[bytes]:
        self.begun.set()
        self.begins.wait(20)
        try:
            yield _TONE
            while not self.go_on.wait(0.05):
                if self.drips:
                    yield b"\1\0\1\0"
            yield _TONE
        finally:
            self.closed.set()


@pytest.fixture(params=[True, False], ids=["drips", "hangs"])
def provider(request: pytest.FixtureRequest) -> Iterator[DrippingProvider]:
    dripping = DrippingProvider(drips=request.param)
    yield dripping
    dripping.go_on.set()


@pytest.fixture
def listener(make_gateway: MakeGateway, provider: DrippingProvider) -> GatewayClient:
    return open_client(with_fake_provider(make_gateway, provider).gateway)


def read_stream(listener: GatewayClient, port: int, output_format: str) -> None:
    """Read the beginning of a stream and disconnect."""
    body = json.dumps({"text": TEXT, "voice_id": "hum", "stream": True, "output_format": output_format}).encode()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        head = f"POST {TTS} HTTP/1.1\r\nHost: g\r\nX-API-Key: {listener.key}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b""
        while len(received) < 6_000:
            received += connection.recv(65_536)
        assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("output_format", ["mp3", "wav"])
def test_who_leaves_pays_at_once_for_what_was_made(
    listener: GatewayClient, provider: DrippingProvider, output_format: str
) -> None:
    with serving(listener) as port:
        read_stream(listener, port, output_format)
        wait_until(lambda: listener.balance()["held"] == 0, seconds=20, what="the end of the hold")
        assert not provider.go_on.is_set()
    spent = 100 - listener.balance()["credits"]
    assert 0.01 <= round(spent, 6) <= 0.04
    assert verify(listener.gateway.database) == []
    assert listener.gateway.provider_calls.list_all() == []
    if provider.drips:
        assert provider.closed.wait(20), "the provider's call is ended"


def test_who_stays_hears_all_of_it_however_long_it_drips(listener: GatewayClient, provider: DrippingProvider) -> None:
    threading.Timer(1.2, provider.go_on.set).start()
    answer = listener.post(TTS, {"text": TEXT, "voice_id": "hum", "stream": True, "output_format": "wav"})
    assert answer.status_code == 200
    assert len(answer.content) >= 44 + 2 * len(_TONE)
    assert listener.balance()["credits"] <= 100 - 0.08


def test_who_leaves_before_the_first_sound_gives_the_place_back_at_once(
    listener: GatewayClient, provider: DrippingProvider
) -> None:
    provider.begins.clear()
    limiter = listener.app.state.limiters.for_provider("local")
    places = limiter.available
    body = json.dumps({"text": TEXT, "voice_id": "hum", "stream": True, "output_format": "wav"}).encode()
    with serving(listener) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            head = f"POST {TTS} HTTP/1.1\r\nHost: g\r\nX-API-Key: {listener.key}\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert provider.begun.wait(20)
            assert limiter.available == places - 1
        wait_until(lambda: limiter.available == places, seconds=20, what="the place")
        assert listener.balance()["held"] > 0, "the call that was begun may be billed"
        provider.begins.set()
        wait_until(lambda: listener.balance()["held"] == 0, seconds=20, what="the end of the hold")
    assert limiter.available == places
    assert 0 < round(100 - listener.balance()["credits"], 6) <= 0.04
    assert verify(listener.gateway.database) == []
