"""A stream of audio goes on after a lost connection only with the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client_library.scripted import BASE, Answer, Script, refused
from voxport_client import AsyncVoxport, StreamBrokenError, UnexpectedResponseError

AUDIO = bytes(range(256)) * 8
HEADERS = {
    "X-Gateway-Request-ID": "req_1",
    "X-Gateway-Hold": "0.250000",
    "X-Used-Voice-Id": "v",
    "X-Provider": "local",
    "Content-Type": "audio/mpeg",
    "Content-Language": "fr-fr",
    "X-Voxport-Warnings": "The letter \\xe9 and \\u266b and \\U0001f600.",
}


def audio(data: bytes = AUDIO, *, cut_at: int | None = None, **headers: str) -> httpx2.Response:
    def chunks() -> Iterator[bytes]:
        for begin in range(0, len(data) if cut_at is None else cut_at, 100):
            yield data[begin : min(begin + 100, cut_at or len(data))]
        if cut_at is not None:
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")

    return httpx2.Response(200, headers={**HEADERS, **headers}, content=chunks())


def test_the_headers_tell_what_is_spoken_and_what_it_can_cost() -> None:
    stream = Script([audio()]).client().stream("Bonjour.", "v")
    assert (stream.voice_id, stream.provider, stream.language) == ("v", "local", "fr-fr")
    assert (stream.request_id, stream.hold, stream.content_type) == ("req_1", Decimal("0.25"), "audio/mpeg")
    assert stream.warnings == ["The letter é and ♫ and 😀."]


@pytest.mark.parametrize("cut_at", [1, 100, 250, len(AUDIO) - 1, len(AUDIO)])
def test_a_lost_stream_goes_on_where_it_was(cut_at: int, tmp_path: Path) -> None:
    script = Script([audio(cut_at=cut_at), refused(409, "idempotency_in_flight"), audio(cut_at=cut_at // 2), audio()])
    with script.client().stream("Hello.", "v") as stream:
        assert stream.save(tmp_path / "a.mp3").read_bytes() == AUDIO
    assert script.keys() == {stream.idempotency_key}
    assert stream.received_bytes == len(AUDIO)


@pytest.mark.parametrize(
    ("again", "code"),
    [
        (audio(b"another voice" * 200), None),
        (audio(AUDIO[:200]), None),
        (refused(409, "idempotency_consumed", {"request_id": "req_1"}), "idempotency_consumed"),
    ],
)
def test_a_stream_that_is_another_is_not_joined(again: Answer, code: str | None, tmp_path: Path) -> None:
    script = Script([audio(cut_at=250), again])
    stream = script.client().stream("Hello.", "v")
    with pytest.raises(StreamBrokenError, match="after 250 bytes") as broken:
        stream.save(tmp_path / "a.mp3")
    assert (broken.value.code, broken.value.received_bytes) == (code, 250)
    assert broken.value.idempotency_key == stream.idempotency_key
    assert [*tmp_path.iterdir()] == []


def test_a_stream_is_asked_for_again_as_often_as_any_call() -> None:
    script = Script([audio(cut_at=100) for _ in range(10)])
    stream = script.client(max_retries=2).stream("Hello.", "v")
    with pytest.raises(StreamBrokenError):
        stream.read()
    assert len(script.requests) == 3


def test_the_rest_of_a_stream_can_be_read_and_a_closed_one_is_empty() -> None:
    stream = Script([audio()]).client().stream("Hello.", "v")
    first: list[bytes] = []
    for chunk in stream:
        first.append(chunk)
        break
    assert first[0] + stream.read() == AUDIO
    assert stream.read() == b""
    with Script([audio()]).client().stream("Hello.", "v") as stream:
        next(iter(stream))
    assert stream.read() == b""


def test_an_answer_that_is_no_stream_is_an_error() -> None:
    with pytest.raises(UnexpectedResponseError, match="X-Gateway-Hold"):
        Script([httpx2.Response(200, text="<html>")]).client().stream("Hello.", "v")


def test_the_asyncio_client_goes_on_too(tmp_path: Path) -> None:
    requests: list[httpx2.Request] = []

    async def chunks(cut_at: int | None) -> AsyncIterator[bytes]:
        yield AUDIO[:cut_at]
        if cut_at is not None:
            raise httpx2.ReadError("reset")

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, headers=HEADERS, content=chunks([100, 50, None][len(requests) - 1]))

    async def run() -> None:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        client = AsyncVoxport(api_key="k", base_url=BASE, http_client=http)
        client._transport.sleep = no_sleep
        async with await client.stream("Hello.", "v") as stream:
            assert (await stream.save(tmp_path / "a.mp3")).read_bytes() == AUDIO
        await http.aclose()

    asyncio.run(run())
    assert len({request.headers["Idempotency-Key"] for request in requests}) == 1


async def no_sleep(_: float) -> Any:
    return None
