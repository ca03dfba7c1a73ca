"""Outcomes of a request to a provider: done, not sent, or response lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from voxport.providers.upstream import RequestNotSent, ResponseLost, Upstream
from voxport.testing.doubles import ElevenLabsDouble, Fault, serve_app

PATH = "/v1/user/subscription"


@pytest.fixture
def double() -> ElevenLabsDouble:
    return ElevenLabsDouble()


@pytest.fixture
def url(double: ElevenLabsDouble) -> Iterator[str]:
    with serve_app(double.app) as url:
        yield url


@pytest.fixture
def upstream(url: str) -> Iterator[Upstream]:
    opened = Upstream(url, {"xi-api-key": "xi-good"}, read_timeout=120.0)
    yield opened
    opened.close()


def test_an_answer_comes_whole(upstream: Upstream) -> None:
    answer = upstream.send("GET", PATH)
    assert answer.status == 200
    assert answer.json()["tier"] == "creator"


def test_nobody_there_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    upstream = Upstream(f"http://127.0.0.1:{port}", {"xi-api-key": "xi-secret"}, read_timeout=1.0)
    with pytest.raises(RequestNotSent) as nothing:
        upstream.send("POST", PATH)
    assert "xi-secret" not in repr(nothing.value) + repr(nothing.value.__dict__)
    assert list(behind(nothing.value)) == []


@pytest.mark.parametrize(
    "fault", [Fault(drop_response=True), Fault(reset=True), Fault(hang=True)], ids=["lost", "reset", "hang"]
)
def test_a_broken_answer_is_lost(double: ElevenLabsDouble, url: str, upstream: Upstream, fault: Fault) -> None:
    double.faults.add(fault)
    impatient = Upstream(url, {"xi-api-key": "xi-good"}, read_timeout=0.2)
    with pytest.raises(ResponseLost) as lost:
        impatient.send("GET", PATH)
    assert list(behind(lost.value)) == []
    assert upstream.send("GET", PATH).status == 200


def test_a_free_question_is_asked_again_and_a_paid_one_is_not(double: ElevenLabsDouble, upstream: Upstream) -> None:
    double.faults.add(Fault(PATH, drop_response=True))
    double.faults.add(Fault(PATH, status=503, body="<html>", content_type="text/html"))
    assert upstream.send_with_retries("GET", PATH).status == 200
    assert len(double.requests) == 3
    double.faults.add(Fault(PATH, times=3, status=503, body=None))
    assert upstream.send_with_retries("GET", PATH).status == 503


def test_after_five_failures_nothing_is_sent_any_more(double: ElevenLabsDouble, upstream: Upstream) -> None:
    double.faults.add(Fault(PATH, times=5, status=500, body=None))
    for _ in range(5):
        assert upstream.send("GET", PATH).status == 500
    with pytest.raises(RequestNotSent):
        upstream.send("GET", PATH)
    assert upstream.breaker.state == "open"
    assert len(double.requests) == 5


def test_a_client_that_leaves_a_stream_says_nothing_of_the_provider(upstream: Upstream) -> None:
    for _ in range(9):
        with upstream.stream("GET", PATH) as streamed:
            assert streamed.status == 200
    assert upstream.breaker.state == "closed"


def behind(failure: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in the context of this one, which an error reporter would include. Those of httpx2 hold the
    key."""
    following = failure.__context__
    while following is not None:
        yield following
        following = following.__context__


@pytest.mark.parametrize("has_length", [True, False])
def test_a_response_is_complete_with_its_last_byte_if_its_length_is_known(has_length: bool) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"6")] if has_length else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in (b"abc", b"def"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body"})

    with serve_app(answer) as address:
        upstream = Upstream(address, {}, read_timeout=5.0)
        with upstream.stream("GET", PATH) as streamed:
            seen = [(part, streamed.is_complete) for part in streamed.chunks]
        upstream.close()
    assert b"".join(part for part, _ in seen) == b"abcdef"
    assert [is_complete for _, is_complete in seen] == [False] * (len(seen) - 1) + [has_length]
