"""Streams whose caller disconnects before the first audio, while they wait in the queue or for the provider."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from tests.conftest import MakeGateway
from tests.support.hosted_env import TEXT, TTS, HostedEnv, open_hosted_env
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


@pytest.fixture
def hosted_env(make_gateway: MakeGateway) -> Iterator[HostedEnv]:
    with open_hosted_env(make_gateway, speech_concurrency=1) as opened:
        yield opened


@contextlib.contextmanager
def asked(hosted_env: HostedEnv, port: int) -> Iterator[socket.socket]:
    """Send a streaming request; leaving the block disconnects the caller."""
    body = json.dumps({"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs", "stream": True}).encode()
    head = f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hosted_env.client.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def test_a_stream_that_is_left_before_its_first_sound_frees_its_place_and_its_place_in_the_line(
    hosted_env: HostedEnv,
) -> None:
    limiter = hosted_env.client.app.state.limiters.for_provider("elevenlabs")
    begun, answered, go_on = threading.Event(), threading.Event(), threading.Event()

    def watch(request: Request, when: str) -> None:
        if request.url.path.startswith(SPEECH):
            (begun if when == "before" else answered).set()

    hosted_env.elevenlabs.on_request = watch
    hosted_env.elevenlabs.faults.add(Fault(SPEECH, until=go_on))
    with serving(hosted_env.client) as port:
        with asked(hosted_env, port):
            assert begun.wait(60)
            assert limiter.available == 0
            held = hosted_env.held()
            with asked(hosted_env, port):
                wait_until(lambda: hosted_env.held() > held, seconds=60, what="the hold of the one in the line")
            wait_until(lambda: hosted_env.held() == held, seconds=60, what="the release of what left the line")
        wait_until(lambda: limiter.available == 1, seconds=60, what="the place")
        assert hosted_env.held() == held, "the call that the provider bills goes on"
        assert not answered.is_set(), "the place is free while the provider is still asked"
        go_on.set()
        wait_until(lambda: hosted_env.held() == 0, seconds=60, what="the end of the call")
    calls = [path for _, path in hosted_env.elevenlabs.requests if path.startswith(SPEECH)]
    assert len(calls) == 1, "nothing is spoken for who left the line"
    (row,) = [one for one in hosted_env.client.get("/v2/billing/ledger").json()["data"] if one["kind"] == "capture"]
    assert hosted_env.client.balance()["credits"] == pytest.approx(100 - abs(row["tokens"]))
    assert verify(hosted_env.gateway.database) == []
