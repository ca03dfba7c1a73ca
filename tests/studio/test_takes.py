"""Takes of the Studio: heard by a GET while they are made, stored as files, and charged once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.concurrency import run_concurrently
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import serving
from voxport.billing.verify import verify
from voxport.errors import NotFound, ProviderFailed
from voxport.providers.base import SAMPLE_RATE
from voxport.studio.live_takes import LiveTake, LiveTakes

TAKES, TICKETS = "/studio/takes", "/studio/tickets"
SPEECH: dict[str, Any] = {"text": "The ferry leaves at seven.", "voice_id": "hum", "output_format": "wav"}


@pytest.fixture
def customer(fake_env: FakeProviderEnv) -> GatewayClient:
    fake_env.provider.samples, fake_env.provider.pieces = 3 * SAMPLE_RATE, 3
    return open_client(fake_env.gateway)


def ticket_of(client: GatewayClient) -> dict[str, str]:
    answer = client.post(TICKETS)
    assert answer.status_code == 201, answer.text
    data: dict[str, str] = answer.json()["data"]
    return data


def test_a_take_is_answered_as_core_tts_answers(customer: GatewayClient) -> None:
    made = customer.post(TAKES, {"ticket": ticket_of(customer)["ticket"], "speech": SPEECH})
    told = customer.post("/v1/proxy/core-tts", SPEECH)
    assert made.status_code == told.status_code == 200
    assert made.json()["cost"]["tokens"] == told.json()["cost"]["tokens"] == 0.03
    assert made.json()["data"].keys() == told.json()["data"].keys()
    assert customer.http.get(made.json()["data"]["url"]).content[:4] == b"RIFF"


def test_the_audio_is_heard_before_the_call_has_ended(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    is_heard = threading.Event()

    def wait_for_listener(number: int) -> None:
        if number == 2:
            assert is_heard.wait(30)

    fake_env.provider.on_piece = wait_for_listener
    answers: list[httpx2.Response] = []
    with serving(customer) as port:
        base = f"http://127.0.0.1:{port}"
        ticket = ticket_of(customer)

        def call() -> None:
            body = {"ticket": ticket["ticket"], "speech": SPEECH}
            answers.append(httpx2.post(f"{base}{TAKES}", json=body, headers=customer.headers, timeout=60))

        caller = threading.Thread(target=call)
        caller.start()
        with httpx2.stream("GET", f"{base}/{ticket['path']}", timeout=60) as live:
            assert (live.status_code, live.headers["Content-Type"]) == (200, "audio/mpeg")
            chunks = live.iter_raw()
            heard = next(chunks)
            assert not answers, "the call goes on until this listener has heard something"
            is_heard.set()
            heard += b"".join(chunks)
        caller.join(30)
        # Whoever asks again, as some browsers do, gets it all again, and pays nothing.
        assert httpx2.get(f"{base}/{ticket['path']}").content == heard
    assert answers[0].status_code == 200
    assert len(heard) == pytest.approx(3 * 16_000, rel=0.1), "three seconds of mp3 at 128 kbit/s"
    assert customer.balance()["credits"] == 99.97
    assert verify(customer.gateway.database) == []


def test_a_call_that_is_sent_again_is_charged_once(customer: GatewayClient) -> None:
    body = {"ticket": ticket_of(customer)["ticket"], "speech": SPEECH}
    headers = {"Idempotency-Key": "one-take"}
    first = customer.post(TAKES, body, headers=headers)
    again = customer.post(TAKES, body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["data"]["key"] == first.json()["data"]["key"]
    assert customer.balance()["credits"] == 99.97


def test_a_failed_call_ends_its_listeners_and_costs_nothing(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    ticket = ticket_of(customer)
    answer = customer.post(TAKES, {"ticket": ticket["ticket"], "speech": SPEECH})
    assert error_of(answer)["code"] == "provider_failed"
    assert customer.http.get(f"/{ticket['path']}").content == b""
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_take_that_ends_early_leaves_its_call_alone(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    """As where the server stops, or the request is cancelled, while the call is spoken."""
    ticket = ticket_of(customer)
    take = customer.app.state.services[LiveTakes].find(ticket["ticket"])
    fake_env.provider.on_piece = lambda number: take.end() if number == 1 else None
    answer = customer.post(TAKES, {"ticket": ticket["ticket"], "speech": SPEECH})
    assert answer.status_code == 200, answer.text
    assert customer.http.get(answer.json()["data"]["url"]).content[:4] == b"RIFF"
    assert len(customer.http.get(f"/{ticket['path']}").content) < 2 * 16_000
    assert customer.balance()["credits"] == 99.97


@pytest.mark.parametrize("method", ["encode", "finish"])
def test_a_copy_that_fails_leaves_its_call_alone(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("the encoder broke")

    monkeypatch.setattr("voxport.studio.live_takes.Mp3Encoder." + method, fail)
    answer = customer.post(TAKES, {"ticket": ticket_of(customer)["ticket"], "speech": SPEECH})
    assert answer.status_code == 200, answer.text
    assert customer.balance()["credits"] == 99.97


def test_a_take_is_ended_while_it_is_added_to() -> None:
    silence = np.zeros(20 * SAMPLE_RATE, np.int16)
    for _ in range(20):
        take = LiveTake("prof_1", lambda: 0.0)
        add_and_end = (partial(take.add, silence), take.end)
        run_concurrently(2, partial(_call_one, add_and_end))


def test_without_credits_nothing_is_spoken(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    poor = customer.another_customer(credits="0")
    answer = poor.post(TAKES, {"ticket": ticket_of(poor)["ticket"], "speech": SPEECH})
    assert (answer.status_code, error_of(answer)["code"]) == (402, "insufficient_credits")
    assert fake_env.provider.requests == []


def test_a_ticket_of_another_profile_gets_nothing(customer: GatewayClient) -> None:
    other = customer.another_customer()
    ticket = ticket_of(other)["ticket"]
    assert customer.post(TAKES, {"ticket": ticket, "speech": SPEECH}).status_code == 200
    take = customer.app.state.services[LiveTakes].find(ticket)
    assert bytes(take._content) == b""


def test_a_take_needs_no_ticket_that_works(customer: GatewayClient) -> None:
    for ticket in ("", "gone"):
        assert customer.post(TAKES, {"ticket": ticket, "speech": SPEECH}).status_code == 200


def test_a_ticket_that_is_used_twice_disturbs_no_call(customer: GatewayClient) -> None:
    body = {"ticket": ticket_of(customer)["ticket"], "speech": SPEECH}
    assert [customer.post(TAKES, body).status_code for _ in range(3)] == [200] * 3
    assert customer.balance()["credits"] == 99.91


def test_an_unknown_ticket_is_not_found_and_a_key_is_needed_for_one(customer: GatewayClient) -> None:
    assert error_of(customer.http.get("/studio/live/unknown"))["code"] == "take_not_found"
    assert customer.http.post(TICKETS).status_code == 401
    assert customer.http.post(TAKES, json={}).status_code == 401


@pytest.mark.parametrize("suffix", ["", "/", "/more"])
def test_a_ticket_stands_in_no_log(customer: GatewayClient, caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    ticket = ticket_of(customer)
    caplog.set_level("INFO", logger="voxport")
    customer.app.state.services[LiveTakes].find(ticket["ticket"]).end()
    for method in ("GET", "HEAD", "POST"):
        customer.http.request(method, f"/{ticket['path']}{suffix}")
    paths = [vars(record)["path"] for record in caplog.records if record.message == "request"]
    # The line of the call that made the ticket may come after its answer.
    assert [path for path in paths if path != "/studio/tickets"] == ["/studio/live/{ticket}"] * 3
    assert not any(ticket["ticket"] in str(vars(record)) for record in caplog.records if record.name[:7] == "voxport")


@pytest.mark.parametrize("body", [{}, {"ticket": "x"}, {"ticket": "x", "speech": {}}, {"ticket": 1, "speech": SPEECH}])
def test_a_body_of_another_shape_is_refused(customer: GatewayClient, body: Any) -> None:
    assert customer.post(TAKES, body).status_code == 422


def test_a_take_is_no_stream(customer: GatewayClient) -> None:
    answer = customer.post(TAKES, {"ticket": "", "speech": {**SPEECH, "stream": True}})
    assert answer.status_code == 422


def test_tickets_are_forgotten_after_two_minutes_and_a_profile_has_four() -> None:
    moment = 0.0
    takes = LiveTakes(clock=lambda: moment)
    tickets = [takes.open("prof_1") for _ in range(5)]
    with pytest.raises(NotFound):
        takes.find(tickets[0])
    for ticket in tickets[1:]:
        assert takes.claim("prof_2", ticket) is None
        assert takes.claim("prof_1", ticket) is not None
        assert takes.claim("prof_1", ticket) is None, "of two calls with one ticket, one is heard"
    moment = 121.0
    with pytest.raises(NotFound):
        takes.find(tickets[-1])


def test_a_listener_gets_a_long_take_in_small_pieces_and_a_ticket_has_four() -> None:
    take = spoken_take(30)

    async def listen() -> list[int]:
        listeners = [take.listen() for _ in range(4)]
        first = [len(await anext(one)) for one in listeners]
        assert take.is_full
        assert [piece async for piece in take.listen()] == [], "one that slipped in ends at once"
        rest = [len(piece) async for piece in listeners[0]]
        for one in listeners[1:]:
            await one.aclose()
        assert not take.is_full
        return [*first, *rest]

    with ThreadPoolExecutor(1) as threads:  # the browser of other tests runs an event loop in this one
        sizes = threads.submit(lambda: asyncio.run(listen())).result(20)
    assert max(sizes) == 64 << 10
    assert len(sizes) > 8


def test_a_fifth_listener_of_a_ticket_is_told_to_play_the_file(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.studio.live_takes._MAX_LISTENERS", 0)
    answer = customer.http.get(f"/{ticket_of(customer)['path']}")
    assert (answer.status_code, error_of(answer)["code"]) == (429, "rate_limited")


def _call_one(calls: Sequence[Callable[[], None]], number: int) -> None:
    calls[number]()


def spoken_take(seconds: int) -> LiveTake:
    take = LiveTake("prof_1", lambda: 0.0)
    take.add(np.zeros(seconds * SAMPLE_RATE, np.int16))
    take.end()
    return take
