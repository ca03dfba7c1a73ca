"""What the client sends again, with which key, when, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from tests.client_library.scripted import Answer, Script, ok, refused
from voxport_client import (
    ConflictError,
    ConnectionFailedError,
    ConnectionTimeoutError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
    StatusError,
    UnexpectedResponseError,
)
from voxport_client.transport.attempts import Attempts, RetryPolicy
from voxport_client.transport.calls import Call, billed

LOST = httpx2.RemoteProtocolError("Server disconnected without sending a response.")
KEY_ROW = {"id": "k", "name": "", "starts": "vxp_", "created_at": "2026-04-27T10:30:00Z", "key": "vxp_new"}


@pytest.mark.parametrize(
    "first",
    [
        LOST,
        httpx2.ReadError("reset"),
        httpx2.WriteError("broken pipe"),
        httpx2.ReadTimeout("slow"),
        httpx2.ConnectError("refused"),
        httpx2.PoolTimeout("busy"),
        refused(429, "rate_limited", Retry_After="1"),
        refused(503, "temporarily_unavailable", Retry_After="1"),
        refused(409, "idempotency_in_flight", Retry_After="1"),
        httpx2.Response(502, text="<h1>Bad gateway</h1>"),
        httpx2.Response(503, text="restarting"),
        httpx2.Response(504),
    ],
)
def test_a_billed_call_is_sent_again_with_the_same_key(first: Answer) -> None:
    script = Script([first, ok()])
    speech = script.client().speak("Hello.", "v")
    assert len(script.requests) == 2
    assert script.keys() == {speech.idempotency_key}
    assert script.requests[0].content == script.requests[1].content


@pytest.mark.parametrize(
    "answer",
    [
        refused(400, "sample_unusable"),
        refused(402, "insufficient_credits"),
        refused(409, "idempotency_consumed"),
        refused(422, "validation_failed"),
        refused(429, "rate_limited"),
        refused(429, "rate_limited", Retry_After="61"),
        refused(500, "internal_error"),
        refused(502, "provider_failed"),
        refused(503, "provider_unavailable"),
        refused(504, "provider_timeout"),
        httpx2.Response(418, text="tea"),
        httpx2.Response(301, headers={"Location": "http://elsewhere.test/"}),
    ],
)
def test_other_errors_are_raised_at_once_with_the_key(answer: httpx2.Response) -> None:
    script = Script([answer])
    with pytest.raises(StatusError) as raised:
        script.client().speak("Hello.", "v")
    assert raised.value.status == answer.status_code
    assert {raised.value.idempotency_key} == script.keys()
    assert script.pauses == []


def test_a_call_has_a_key_of_its_own() -> None:
    script = Script([ok(), ok()])
    client = script.client()
    client.speak("Hello.", "v")
    client.speak("Hello.", "v")
    assert len(script.keys()) == 2


def test_retries_are_bounded_and_pause_longer_each_time() -> None:
    script = Script([LOST] * 10)
    with pytest.raises(ConnectionFailedError, match="after 4 tries") as raised:
        script.client(max_retries=3).speak("Hello.", "v")
    assert len(script.requests) == 4
    assert [0.3 < pause < 3 for pause in script.pauses] == [True] * 3
    assert script.pauses == sorted(script.pauses)
    assert str(raised.value.idempotency_key) in str(raised.value)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(status: int) -> None:
    in_a_while = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    script = Script([refused(status, "busy", Retry_After="17"), refused(status, "busy", Retry_After=in_a_while), ok()])
    script.client().speak("Hello.", "v")
    assert script.pauses[0] == 17
    assert 25 < script.pauses[1] <= 30


@pytest.mark.parametrize("value", ["", "-5", "1e9", "soon", "nan", "99999999999", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_a_retry_after_that_is_none_is_not_waited_for(value: str) -> None:
    script = Script([refused(429, "rate_limited", Retry_After=value)])
    with pytest.raises(RateLimitedError) as raised:
        script.client().speak("Hello.", "v")
    assert raised.value.retry_after is None


def test_a_long_retry_after_is_told_and_not_waited_for() -> None:
    script = Script([refused(503, "provider_unavailable", Retry_After="3600")])
    with pytest.raises(ServiceUnavailableError) as raised:
        script.client().speak("Hello.", "v")
    assert raised.value.retry_after == 3600


def test_a_first_try_that_still_is_under_way_is_waited_for_beyond_the_retries() -> None:
    script = Script([LOST, *[refused(409, "idempotency_in_flight", Retry_After="2")] * 8, ok()])
    assert script.client(max_retries=1).speak("Hello.", "v").key == "k"
    assert script.pauses[1:] == [2.0] * 8


def test_a_first_try_is_waited_for_as_long_as_the_timeout() -> None:
    seconds = iter(range(100, 200, 4))
    call: Call[None] = billed(Call("POST", "/", lambda _: None), None)
    attempts = Attempts(call, RetryPolicy(timeout=20, max_retries=0), clock=lambda: float(next(seconds)))
    busy = refused(409, "idempotency_in_flight", Retry_After="7")
    busy.request = httpx2.Request("POST", "http://gateway.test/")
    assert [attempts.after_response(busy) for _ in range(5)] == [7, 7, 7, 7, 4]
    with pytest.raises(ConflictError) as raised:
        attempts.after_response(busy)
    assert raised.value.idempotency_key == call.idempotency_key


def test_a_call_that_would_make_a_second_key_is_not_sent_again_after_a_lost_answer() -> None:
    script = Script([LOST])
    with pytest.raises(ConnectionFailedError) as raised:
        script.client().keys.create(name="x")
    assert raised.value.idempotency_key is None
    script = Script(
        [httpx2.ConnectError("refused"), refused(429, "rate_limited", Retry_After="1"), ok({"data": KEY_ROW})]
    )
    assert script.client().keys.create(name="x").key == "vxp_new"


def test_a_deletion_that_may_have_been_done_says_so() -> None:
    script = Script([LOST, refused(404, "voice_not_found")])
    with pytest.raises(NotFoundError) as raised:
        script.client().voices.delete("v")
    assert "earlier try" in "".join(raised.value.__notes__)


def test_an_interrupted_call_shows_its_key_too() -> None:
    def interrupt(_: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    script = Script([interrupt])
    with pytest.raises(KeyboardInterrupt) as raised:
        script.client().speak("Hello.", "v")
    (key,) = script.keys()
    assert key is not None and key in "".join(raised.value.__notes__)


def test_an_answer_that_is_none_of_a_gateway_shows_the_key() -> None:
    for answer in (httpx2.Response(200, text="<html>"), ok([]), ok({"data": 1}), ok({**{"data": {}}, "usage": []})):
        script = Script([answer])
        with pytest.raises(UnexpectedResponseError) as raised:
            script.client().speak("Hello.", "v")
        assert {raised.value.idempotency_key} == script.keys()


def test_the_error_of_a_call_with_a_file_names_the_upload_to_send_again() -> None:
    target = {
        "upload_url": "http://storage.test/u",
        "object_key": "k",
        "expires_in": 9,
        "public_url": "http://storage.test/p",
    }
    script = Script([ok({"data": target}), httpx2.Response(200), httpx2.ReadTimeout("slow")])
    with pytest.raises(ConnectionTimeoutError, match="600 s") as raised:
        script.client(max_retries=0).instant(b"RIFF", "Hello.")
    assert raised.value.audio_url == "http://storage.test/p"
    assert raised.value.idempotency_key == script.requests[-1].headers["Idempotency-Key"]


def test_a_wrong_protocol_is_not_tried_again() -> None:
    script = Script([httpx2.UnsupportedProtocol("ftp")])
    with pytest.raises(ConnectionFailedError):
        script.client().speak("Hello.", "v")


def test_an_unknown_call_is_sent_with_the_same_care() -> None:
    script = Script([LOST, ok({"new": 1}), LOST])
    client = script.client()
    assert client.request("GET", "/v1/new", query={"limit": 5, "all": True}).json() == {"new": 1}
    assert str(script.requests[1].url) == "http://gateway.test/v1/new?limit=5&all=true"
    with pytest.raises(ConnectionFailedError):
        client.request("POST", "/v1/new", json={"a": 1})
