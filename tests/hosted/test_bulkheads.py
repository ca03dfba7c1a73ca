"""A provider that hangs, drips or refuses is nobody else's trouble, and a caller that left holds no place."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.support.hosted import TEXT, TTS, House, house
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.errors import ProviderBusy
from voxport.providers import billed_client as hosted
from voxport.providers.base import StockVoice, VoiceRef
from voxport.testing.doubles import Fault
from voxport.web.concurrency import Gate

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


@pytest.fixture
def home(make_gateway: MakeGateway) -> Iterator[House]:
    with house(make_gateway(speech_concurrency=4, speech_queue_seconds=300)) as opened:
        opened.local.stock.append(StockVoice("hum", "Hum", "en-us", None))
        yield opened


def post(home: House, port: int, path: str = TTS, **body: Any) -> httpx2.Response:
    body = {"text": TEXT, "output_format": "wav", **body}
    return httpx2.post(f"http://127.0.0.1:{port}{path}", json=body, headers=home.client.headers, timeout=300)


def test_a_provider_that_hangs_holds_up_no_call_of_another(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    go_on = threading.Event()
    home.elevenlabs.faults.add(Fault(SPEECH, until=go_on, lost=True, times=100))
    gate = home.client.app.state.gates.of("elevenlabs")
    with serving(home.client) as port, ThreadPoolExecutor(24) as pool:
        hanging = [pool.submit(post, home, port, voice_id=RACHEL, provider="elevenlabs") for _ in range(24)]
        try:
            wait_until(lambda: gate.free == 0 and waiting(gate) == 20, seconds=60, what="a full house")
            local = post(home, port, voice_id="hum", provider="local")
            auto = post(home, port, voice_id=voice_id, provider="auto")
            assert (gate.free, waiting(gate)) == (0, 20), "both came while all places were taken, and waited for none"
            assert not any(one.done() for one in hanging)
        finally:
            go_on.set()
        statuses = {one.result().status_code for one in hanging}
    assert (local.status_code, auto.status_code) == (200, 200)
    assert auto.json()["data"]["provider"] == "minimax"
    assert statuses <= {429, 503, 504}
    assert verify(home.gateway.database) == []


def waiting(gate: Gate) -> int:
    """How many stand in its line."""
    return sum(len(line) for line in list(gate._waiting.values()))


def test_a_caller_that_leaves_frees_its_place_and_pays_for_what_is_made(home: House) -> None:
    gate = home.client.app.state.gates.of("elevenlabs")
    places = gate.free
    asked, go_on = threading.Event(), threading.Event()
    home.elevenlabs.watch = lambda request, _: asked.set() if request.url.path.startswith(SPEECH) else None
    home.elevenlabs.faults.add(Fault(SPEECH, until=go_on))
    body = json.dumps({"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs"}).encode()
    head = f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {home.client.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(home.client) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(head.encode() + body)
            assert asked.wait(60)
            assert gate.free == places - 1
        wait_until(lambda: gate.free == places, seconds=60, what="the place")
        assert home.held() > 0, "the call that the provider bills goes on"
        go_on.set()
        wait_until(lambda: home.held() == 0, seconds=60, what="the end of the call")
    (file,) = home.client.get("/v1/media").json()["data"]
    assert file["key"]
    (row,) = [one for one in home.client.get("/v2/billing/ledger").json()["data"] if one["kind"] == "capture"]
    assert home.client.balance()["credits"] == pytest.approx(100 - abs(row["tokens"]))
    assert verify(home.gateway.database) == []


def test_a_refusal_is_asked_again_less_and_less_often_whatever_it_says(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    class Time:
        @staticmethod
        def monotonic() -> float:
            return sum(pauses)

        sleep = staticmethod(pauses.append)

    monkeypatch.setattr(hosted, "time", Time)
    body = {"detail": {"status": "too_many_concurrent_requests", "message": "Too many."}}
    home.elevenlabs.faults.add(Fault(SPEECH, times=100, status=429, body=body, headers={"Retry-After": "1"}))
    with pytest.raises(ProviderBusy) as busy:
        list(home.gateway.providers.get("elevenlabs").speak(TEXT, VoiceRef(RACHEL), language="en"))
    assert 3 <= len(pauses) <= 7
    assert all(pause >= 1 for pause in pauses)
    assert pauses[-1] > 1.5
    assert int(busy.value.headers["Retry-After"]) >= 1
