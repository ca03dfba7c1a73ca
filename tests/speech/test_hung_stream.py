"""A stream whose encoder hangs is ended: its slot is freed and its hold settled, whether the listener stays or not."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from functools import partial
from typing import Any

import psutil
import pytest

from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import serving, wait_until
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.streaming import stream_encoded
from voxport.billing.verify import verify
from voxport.speech import service

TTS = "/v1/proxy/core-tts"
BODY = {
    "text": "Hello, this is a voice.",
    "voice_id": "hum",
    "provider": "local",
    "stream": True,
    "output_format": "ogg",
}


@pytest.mark.parametrize("is_left", [False, True], ids=["listener stays", "listener leaves"])
def test_a_hung_encoder_ends_the_stream(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch, is_left: bool
) -> None:
    monkeypatch.setattr(service, "stream_encoded", partial(stream_encoded, stall_timeout=0.5))
    limiter = customer.app.state.limiters.for_provider("local")
    places, begun, hung = limiter.available, threading.Event(), threading.Event()
    fake_env.provider.samples, fake_env.provider.pieces = 300 * SAMPLE_RATE, 300
    spoken_pieces: list[int] = []

    def heard(number: int) -> None:
        spoken_pieces.append(number)
        if number == 3:
            begun.wait(20)  # an encoder that hangs before its first output causes a 503, not a truncated stream
            for child in psutil.Process().children():
                if "pipe:1" in child.cmdline():
                    os.kill(child.pid, signal.SIGSTOP)
            hung.set()

    fake_env.provider.on_piece = heard
    with serving(customer) as port:
        with _asked(customer, port) as connection:
            received = connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 200")
            begun.set()
            assert hung.wait(20)
            while not is_left and (data := connection.recv(65_536)):
                received += data
        wait_until(lambda: customer.balance()["held"] == 0, seconds=30, what="the end of the hold")
        wait_until(lambda: limiter.available == places, seconds=10, what="the place")
    if is_left:
        assert customer.balance()["credits"] == pytest.approx(100 - 0.01 * len(spoken_pieces), abs=0.011)
    else:
        assert not received.endswith(b"0\r\n\r\n")
        assert customer.balance()["credits"] == 100
    assert not [child for child in psutil.Process().children() if "pipe:1" in child.cmdline()]
    assert verify(customer.gateway.database) == []


def _asked(client: GatewayClient, port: int, **fields: Any) -> socket.socket:
    body = json.dumps({**BODY, "output_format": "ogg", **fields}).encode()
    head = (
        f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.sendall(head.encode() + body)
    return connection
