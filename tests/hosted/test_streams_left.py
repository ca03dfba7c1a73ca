"""Streams whose caller leaves before the first sound: while they wait for their turn, or for a provider."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from tests.conftest import MakeGateway
from tests.support.hosted import TEXT, TTS, House, house
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


@pytest.fixture
def home(make_gateway: MakeGateway) -> Iterator[House]:
    with house(make_gateway(speech_concurrency=1)) as opened:
        yield opened


@contextlib.contextmanager
def asked(home: House, port: int) -> Iterator[socket.socket]:
    """A stream's request, sent; who leaves the block leaves the call."""
    body = json.dumps({"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs", "stream": True}).encode()
    head = f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {home.client.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def test_a_stream_that_is_left_before_its_first_sound_frees_its_place_and_its_place_in_the_line(home: House) -> None:
    gate = home.client.app.state.gates.of("elevenlabs")
    begun, answered, go_on = threading.Event(), threading.Event(), threading.Event()

    def watch(request: Request, when: str) -> None:
        if request.url.path.startswith(SPEECH):
            (begun if when == "before" else answered).set()

    home.elevenlabs.watch = watch
    home.elevenlabs.faults.add(Fault(SPEECH, until=go_on))
    with serving(home.client) as port:
        with asked(home, port):
            assert begun.wait(60)
            assert gate.free == 0
            held = home.held()
            with asked(home, port):
                wait_until(lambda: home.held() > held, seconds=60, what="the hold of the one in the line")
            wait_until(lambda: home.held() == held, seconds=60, what="the release of what left the line")
        wait_until(lambda: gate.free == 1, seconds=60, what="the place")
        assert home.held() == held, "the call that the provider bills goes on"
        assert not answered.is_set(), "the place is free while the provider is still asked"
        go_on.set()
        wait_until(lambda: home.held() == 0, seconds=60, what="the end of the call")
    calls = [path for _, path in home.elevenlabs.requests if path.startswith(SPEECH)]
    assert len(calls) == 1, "nothing is spoken for who left the line"
    (row,) = [one for one in home.client.get("/v2/billing/ledger").json()["data"] if one["kind"] == "capture"]
    assert home.client.balance()["credits"] == pytest.approx(100 - abs(row["tokens"]))
    assert verify(home.gateway.database) == []
