"""A gateway that answers with too much, or with numbers and dates that no gateway sends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest

from tests.client_library.scripted import BASE, Script, ok, refused
from tests.client_library.test_values import JOB
from voxport_client import AsyncVoxport, ServiceUnavailableError, UnexpectedResponseError, Voxport, VoxportError
from voxport_client.job_events import MAX_EVENT_BYTES, JobFollower
from voxport_client.models.base import DecodeError
from voxport_client.transport.attempts import RetryPolicy
from voxport_client.transport.responses import MAX_BODY_BYTES

BOMB = gzip.compress(b" " * (MAX_BODY_BYTES + 1), compresslevel=1)


def bomb(status: int = 200) -> httpx2.Response:
    """Bytes that were not read yet: those of a Response with `content` are decompressed at once."""
    headers = {"Content-Encoding": "gzip", "X-Gateway-Request-ID": "req_1"}
    return httpx2.Response(status, headers=headers, stream=Chunks(BOMB))


class Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


@pytest.mark.parametrize("status", [200, 400])
def test_a_body_that_swells_is_given_up(status: int) -> None:
    assert len(BOMB) < MAX_BODY_BYTES / 100
    calls: list[Callable[[Voxport], object]] = [
        lambda client: client.billing.balance(),
        lambda client: client.speak("x", "v"),
        lambda client: client.is_alive(),
    ]
    for call in calls:
        with pytest.raises(UnexpectedResponseError, match="more than 16 MiB"):
            call(Script([bomb(status)]).client())
    with pytest.raises(UnexpectedResponseError, match="more than 16 MiB"):
        Script([bomb(400)]).client().stream("x", "v")

    async def call_async() -> None:
        script = Script([bomb(status)])
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(script.handle))
        async with http, AsyncVoxport(api_key="vxp_x", base_url=BASE, http_client=http) as client:
            await client.billing.balance()

    with pytest.raises(UnexpectedResponseError, match="more than 16 MiB"):
        asyncio.run(call_async())


def test_a_compressed_answer_is_read_as_ever() -> None:
    headers = {"Content-Encoding": "gzip", "X-Gateway-Request-ID": "req_1"}
    found = httpx2.Response(200, headers=headers, stream=Chunks(gzip.compress(b'{"data": 1}')))
    answer = Script([found]).client().request("GET", "/v2/x")
    assert answer.json() == {"data": 1}
    assert answer.elapsed.total_seconds() >= 0


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 65_536, b"data: x\n" * 8192])
def test_events_without_an_end_are_given_up(chunk: bytes) -> None:
    follower = JobFollower("j", RetryPolicy(10, 0), None)
    with pytest.raises(DecodeError, match="no end"):
        for _ in range(2 * MAX_EVENT_BYTES // 65_536):
            list(follower.feed(chunk))


def test_events_come_in_any_pieces() -> None:
    follower = JobFollower("j", RetryPolicy(10, 0), None)
    text = b"id: 1\r\nevent: job\r\ndata: " + ok(JOB).content + b"\r\n\r\n"
    assert [job.id for at in range(len(text)) for job in follower.feed(text[at : at + 1])] == ["j"]


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 1 Jan 0001 00:00:00 +2359"]
)
def test_a_date_out_of_all_years_is_no_waiting_time(date: str) -> None:
    with pytest.raises(ServiceUnavailableError) as raised:
        Script([refused(503, "x", Retry_After=date)]).client(max_retries=0).billing.balance()
    assert raised.value.retry_after is None or raised.value.retry_after >= 0


@pytest.mark.parametrize(
    "number", ["1E999999999", "-1E999999999", "1E19", "0E999999999", "NaN", "Infinity", "1" + "0" * 400, "1E-999999"]
)
def test_a_number_of_no_usual_size_is_refused(number: str) -> None:
    for body in (
        f'{{"data": {{"balance": {number}, "credits": 1, "held": 0, "currency": "token"}}}}',
        f'{{"data": {{"balance": 1, "credits": 1, "held": {number}, "currency": "token"}}}}',
    ):
        script = Script([httpx2.Response(200, headers={"X-Gateway-Request-ID": "req_1"}, content=body)])
        with pytest.raises(UnexpectedResponseError, match="usual size"):
            script.client().billing.balance()


def test_a_moment_out_of_all_years_is_refused() -> None:
    for moment in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"):
        with pytest.raises(VoxportError, match="no moment"):
            Script([ok({**JOB, "created_at": moment})]).client().jobs.get("j")
