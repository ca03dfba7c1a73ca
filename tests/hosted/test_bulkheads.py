"""A provider that hangs, drips or fails does not affect other providers, and a disconnected caller holds no slot."""

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
from tests.support.hosted_env import TEXT, TTS, HostedEnv, open_hosted_env
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.errors import ProviderBusy
from voxport.providers import billed_client
from voxport.providers.base import StockVoice, Utterance, VoiceRef
from voxport.testing.doubles import Fault

RACHEL = "21m00Tcm4TlvDq8ikWAM"
SPEECH = "/v1/text-to-speech"


@pytest.fixture
def hosted_env(make_gateway: MakeGateway) -> Iterator[HostedEnv]:
    with open_hosted_env(make_gateway, speech_concurrency=4, speech_queue_seconds=300) as opened:
        opened.local.stock.append(StockVoice("hum", "Hum", "en-us", None))
        yield opened


def post(hosted_env: HostedEnv, port: int, path: str = TTS, **body: Any) -> httpx2.Response:
    body = {"text": TEXT, "output_format": "wav", **body}
    return httpx2.post(f"http://127.0.0.1:{port}{path}", json=body, headers=hosted_env.client.headers, timeout=300)


def test_a_provider_that_hangs_holds_up_no_call_of_another(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    go_on = threading.Event()
    hosted_env.elevenlabs.faults.add(Fault(SPEECH, until=go_on, drop_response=True, times=100))
    limiter = hosted_env.client.app.state.limiters.for_provider("elevenlabs")
    with serving(hosted_env.client) as port, ThreadPoolExecutor(24) as pool:
        hanging = [pool.submit(post, hosted_env, port, voice_id=RACHEL, provider="elevenlabs") for _ in range(24)]
        try:
            wait_until(lambda: limiter.available == 0 and limiter.waiting == 20, seconds=60, what="a full house")
            local = post(hosted_env, port, voice_id="hum", provider="local")
            auto = post(hosted_env, port, voice_id=voice_id, provider="auto")
            assert (limiter.available, limiter.waiting) == (0, 20), (
                "both came while all places were taken, and waited for none"
            )
            assert not any(one.done() for one in hanging)
        finally:
            go_on.set()
        statuses = {one.result().status_code for one in hanging}
    assert (local.status_code, auto.status_code) == (200, 200)
    assert auto.json()["data"]["provider"] == "minimax"
    assert statuses <= {429, 503, 504}
    assert verify(hosted_env.gateway.database) == []


def test_a_caller_that_leaves_frees_its_place_and_pays_for_what_is_made(hosted_env: HostedEnv) -> None:
    limiter = hosted_env.client.app.state.limiters.for_provider("elevenlabs")
    places = limiter.available
    requested, go_on = threading.Event(), threading.Event()
    hosted_env.elevenlabs.on_request = lambda request, _: (
        requested.set() if request.url.path.startswith(SPEECH) else None
    )
    hosted_env.elevenlabs.faults.add(Fault(SPEECH, until=go_on))
    body = json.dumps({"text": TEXT, "voice_id": RACHEL, "provider": "elevenlabs"}).encode()
    head = f"POST {TTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hosted_env.client.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(hosted_env.client) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(head.encode() + body)
            assert requested.wait(60)
            assert limiter.available == places - 1
        wait_until(lambda: limiter.available == places, seconds=60, what="the place")
        assert hosted_env.held() > 0, "the call that the provider bills goes on"
        go_on.set()
        wait_until(lambda: hosted_env.held() == 0, seconds=60, what="the end of the call")
    (file,) = hosted_env.client.get("/v1/media").json()["data"]
    assert file["key"]
    (row,) = [one for one in hosted_env.client.get("/v2/billing/ledger").json()["data"] if one["kind"] == "capture"]
    assert hosted_env.client.balance()["credits"] == pytest.approx(100 - abs(row["tokens"]))
    assert verify(hosted_env.gateway.database) == []


def test_a_refusal_is_asked_again_less_and_less_often_whatever_it_says(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    class FakeTime:
        @staticmethod
        def monotonic() -> float:
            return sum(pauses)

        sleep = staticmethod(pauses.append)

    monkeypatch.setattr(billed_client, "time", FakeTime)
    body = {"detail": {"status": "too_many_concurrent_requests", "message": "Too many."}}
    hosted_env.elevenlabs.faults.add(Fault(SPEECH, times=100, status=429, body=body, headers={"Retry-After": "1"}))
    with pytest.raises(ProviderBusy) as busy:
        list(hosted_env.gateway.providers.get("elevenlabs").speak(VoiceRef(RACHEL), Utterance(TEXT, "en")))
    assert 3 <= len(pauses) <= 7
    assert all(pause >= 1 for pause in pauses)
    assert pauses[-1] > 1.5
    assert int(busy.value.headers["Retry-After"]) >= 1
