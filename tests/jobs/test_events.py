"""A job's event stream over a real socket: every change, the replay, and the end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anyio
import pytest
from sqlalchemy import event, text

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from tests.support.server import serving, wait_until
from voxport.errors import SampleUnusable
from voxport.jobs.event_hub import JobSubscription
from voxport.jobs.event_replay import ReplayPosition
from voxport.jobs.sse import EventStream
from voxport.web.protocol import Timeouts

CLONE = "/v1/proxy/core-voice-clone"
AUDIO = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}


@dataclass
class Event:
    """`id` is None if the stream sent none. A comment has only `comment`."""

    id: int | None = None
    name: str = ""
    data: Any = None
    comment: str = ""


class Stream:
    """A client of the stream on its own socket, which parses events as the standard specifies."""

    def __init__(self, port: int, client: GatewayClient, job_id: str, last_event_id: str | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        again = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id is not None else ""
        self._socket.sendall(
            f"GET /v2/jobs/{job_id}/events HTTP/1.1\r\nHost: g\r\nX-API-Key: {client.key}\r\n{again}\r\n".encode()
        )
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while (line := self._file.readline().strip().decode()) != "":
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.is_whole = False

    def events(self) -> Iterator[Event]:
        """Yield events until the server ends the stream."""
        buffer = ""
        while size := int(self._file.readline().strip() or b"0", 16):
            buffer += self._file.read(size).decode()
            self._file.readline()
            while "\n\n" in buffer:
                block, buffer = buffer.split("\n\n", 1)
                found = _event(block)
                if found is not None:
                    yield found
        self.is_whole = True

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def _event(block: str) -> Event | None:
    one = Event()
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        if name == "id":
            one.id = int(value)
        elif name == "event":
            one.name = value
        elif name == "data":
            one.data = json.loads(value)
        elif name == "":
            one.comment = value
    return one if one.name or one.comment else None


@pytest.fixture
def customer(make_client: MakeClient, database_url: str) -> GatewayClient:
    """A customer on each kind of database."""
    return make_client("1000", database_url=database_url, event_streams_per_profile=3)


@pytest.fixture
def port(customer: GatewayClient) -> Iterator[int]:
    with serving(customer) as found:
        yield found


@pytest.fixture
def opened(customer: GatewayClient, port: int) -> Iterator[Any]:
    with ExitStack() as stack:

        def make(job_id: str, last: str | None = None, client: GatewayClient = customer) -> Stream:
            return stack.enter_context(closing(Stream(port, client, job_id, last)))

        yield make


def queue(client: GatewayClient) -> str:
    job_id: str = client.post(CLONE, AUDIO).json()["job"]["id"]
    return job_id


def shown(client: GatewayClient, job_id: str) -> Any:
    return client.get(f"/v2/jobs/{job_id}").json()


def complete(client: GatewayClient, job_id: str) -> None:
    job = client.gateway.jobs.get(client.profile_id, job_id)
    client.gateway.jobs.complete(job_id, job.hold_id, units=Decimal(1), make_result=lambda _: {"voice_id": "v"})


def test_the_state_comes_at_once_then_each_change_then_the_end(customer: GatewayClient, opened: Any) -> None:
    job_id, jobs = queue(customer), customer.gateway.jobs
    stream = opened(job_id)
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-gateway-request-id"].startswith("req_")
    events = stream.events()
    first = next(events)
    assert (first.name, first.data) == ("job", shown(customer, job_id))
    shown_job = [first]
    changes: list[Callable[[], object]] = [
        lambda: jobs.begin(job_id),
        lambda: jobs.advance(job_id, "fetching", 0.02),
        lambda: jobs.advance(job_id, "cloning", 0.2),
        lambda: complete(customer, job_id),
    ]
    for change in changes:
        change()
        shown_job.append(next(events))
        assert shown_job[-1].data == shown(customer, job_id)
    assert [one.data["stage"] for one in shown_job] == ["waiting", "waiting", "fetching", "cloning", "done"]
    ids = [one.id for one in shown_job]
    assert None not in ids
    assert ids == sorted(set(ids))
    assert list(events) == []
    assert stream.is_whole, "the stream ended with the job, not with the connection"


def test_mere_progress_is_told_without_an_id(customer: GatewayClient, opened: Any) -> None:
    job_id, jobs = queue(customer), customer.gateway.jobs
    jobs.begin(job_id)
    jobs.advance(job_id, "cloning", 0.2)
    events = opened(job_id).events()
    assert next(events).data["progress"] == 0.2
    jobs.advance(job_id, "cloning", 0.4)
    buffer = next(events)
    assert (buffer.id, buffer.data["stage"], buffer.data["progress"]) == (None, "cloning", 0.4)


def test_who_comes_back_gets_every_change_that_was_missed(customer: GatewayClient, opened: Any) -> None:
    job_id, jobs = queue(customer), customer.gateway.jobs
    stream = opened(job_id)
    first = next(stream.events())
    stream.close()
    jobs.begin(job_id)
    for stage, progress in (("fetching", 0.02), ("checking", 0.1), ("checking", 0.15), ("cloning", 0.2)):
        jobs.advance(job_id, stage, progress)
    back = opened(job_id, str(first.id)).events()
    missed = [next(back) for _ in range(4)]
    assert [(one.data["status"], one.data["stage"]) for one in missed] == [
        ("processing", "waiting"),
        ("processing", "fetching"),
        ("processing", "checking"),
        ("processing", "cloning"),
    ]
    jobs.fail(jobs.get(customer.profile_id, job_id), SampleUnusable("Too short."))
    last = next(back)
    assert last.data == shown(customer, job_id)
    assert list(back) == []
    again = list(opened(job_id, str(missed[1].id)).events())
    assert [one.id for one in again] == [missed[2].id, missed[3].id, last.id]
    assert [one.data["status"] for one in again] == ["processing", "processing", "failed"]
    assert "error" not in again[0].data
    assert again[-1].data == shown(customer, job_id)


def test_a_stream_in_which_nothing_happens_is_no_slow_reader(customer: GatewayClient) -> None:
    job_id = queue(customer)
    timeouts = Timeouts(head=1.5, window=1.5, body=1.5, reader=0.5)
    with serving(customer, timeouts) as port, closing(Stream(port, customer, job_id)) as stream:
        events = stream.events()
        assert next(events).data["status"] == "queued"
        time.sleep(2)
        customer.post(f"/v2/jobs/{job_id}/cancel")
        assert [one.data["status"] for one in events] == ["cancelled"]
        assert stream.is_whole


def test_who_has_seen_the_end_is_told_that_nothing_more_comes(customer: GatewayClient, opened: Any) -> None:
    job_id = queue(customer)
    customer.post(f"/v2/jobs/{job_id}/cancel")
    (last,) = opened(job_id).events()
    assert last.data["status"] == "cancelled"
    assert opened(job_id, str(last.id)).status == 204


@pytest.mark.parametrize("last", ["", "x", "-1", "99999999", "1" * 40, "٣"])
def test_an_id_that_no_stream_gave_counts_for_none(customer: GatewayClient, opened: Any, last: str) -> None:
    job_id = queue(customer)
    assert next(opened(job_id, last.encode().decode("latin-1")).events()).data["status"] == "queued"


def test_the_end_of_a_job_whose_events_are_swept_is_told_once(customer: GatewayClient, opened: Any) -> None:
    job_id = queue(customer)
    (first,) = [next(opened(job_id).events())]
    customer.post(f"/v2/jobs/{job_id}/cancel")
    jobs = customer.gateway.jobs
    assert jobs.sweep_events() == 0, "it ended just now"
    with customer.gateway.database.transaction() as tx:
        tx.execute(text("DELETE FROM job_events"))
    (last,) = opened(job_id, str(first.id)).events()
    assert (last.id, last.data["status"]) == (0, "cancelled")
    assert opened(job_id, "0").status == 204


def test_the_events_of_a_job_that_runs_are_never_swept(customer: GatewayClient) -> None:
    gateway = customer.gateway
    jobs = gateway.jobs
    ended, running = queue(customer), queue(customer)
    customer.post(f"/v2/jobs/{ended}/cancel")
    jobs._event_retention = -jobs._event_retention  # in the future, so that every event is older
    assert jobs.sweep_events() == 2
    assert len(jobs.history(customer.profile_id, running)[1]) == 1
    assert jobs.history(customer.profile_id, ended)[1] == []


def test_anothers_job_and_none_are_404_in_json_before_any_stream(customer: GatewayClient, opened: Any) -> None:
    job_id = queue(customer)
    for answer in (
        customer.another_customer().get(f"/v2/jobs/{job_id}/events"),
        customer.get("/v2/jobs/00000000-0000-0000-0000-000000000000/events"),
    ):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "job_not_found"


def test_a_profile_has_so_many_streams_and_gets_one_back_when_it_closes_one(
    customer: GatewayClient, opened: Any
) -> None:
    job_id = queue(customer)
    streams = [opened(job_id) for _ in range(3)]
    for stream in streams:
        next(stream.events())
    answer = customer.get(f"/v2/jobs/{job_id}/events")
    assert answer.status_code == 429
    assert error_of(answer)["code"] == "rate_limited"
    assert int(answer.headers["Retry-After"]) > 0
    other = customer.another_customer()
    assert opened(queue(other), client=other).status == 200
    streams[0].close()

    def is_let_in() -> bool:
        stream = opened(job_id)
        return bool(stream.status == 200)

    wait_until(is_let_in, seconds=10, what="a free place")


def test_many_who_wait_take_no_thread_each_and_few_queries(make_client: Any) -> None:
    client: GatewayClient = make_client(credits="1000", event_streams_per_profile=100)
    jobs = [queue(client) for _ in range(60)]
    with serving(client) as port, ExitStack() as stack:
        before = threading.active_count()
        streams = [stack.enter_context(closing(Stream(port, client, job_id))) for job_id in jobs]
        for stream in streams:
            next(stream.events())
        time.sleep(0.5)
        queries = 0

        def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal queries
            queries += statement.startswith("SELECT")

        engine = client.gateway.database._engine
        event.listen(engine, "before_cursor_execute", count)
        time.sleep(2)
        event.remove(engine, "before_cursor_execute", count)
        assert threading.active_count() - before < 45, "the pool of the framework has 40, whoever waits"
        assert 0 < queries <= 12, "a look each quarter of a second"
        client.gateway.jobs.begin(jobs[30])
        assert next(streams[30].events()).data["status"] == "processing"
    wait_until(lambda: not client.app.state.event_hub._subscriptions, seconds=10, what="the end of the streams")


def test_a_server_that_stops_ends_its_streams_whole(customer: GatewayClient, port: int, opened: Any) -> None:
    job_id = queue(customer)
    stream = opened(job_id)
    events = stream.events()
    next(events)
    customer.app.state.event_hub.close()  # what the server does when it stops, here from another thread
    assert list(events) == []
    assert stream.is_whole


def test_a_stream_without_news_says_that_it_lives_and_a_reader_that_takes_nothing_is_dropped(
    customer: GatewayClient,
) -> None:
    job_id = queue(customer)
    hub = customer.app.state.event_hub
    sent: list[bytes] = []

    async def run(*, stalls: bool, seconds: float) -> None:
        subscription: JobSubscription = hub.subscribe(customer.profile_id, job_id)
        stream = EventStream(
            customer.gateway.jobs,
            hub,
            subscription,
            ReplayPosition(None),
            lambda job: "{}",
            require_key=lambda: None,
            keep_alive_seconds=0.2,
            stall_timeout=0.3,
        )

        async def receive() -> Any:
            await anyio.sleep_forever()

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))
            if stalls and sent[-1]:
                await anyio.sleep_forever()

        with anyio.move_on_after(seconds):
            await stream({}, receive, send)
        assert hub._streams_open == {}, "the place was given back"

    anyio.run(lambda: run(stalls=False, seconds=3))
    assert sent.count(b": keep-alive\n\n") >= 3
    sent.clear()
    began = time.monotonic()
    anyio.run(lambda: run(stalls=True, seconds=60))
    assert time.monotonic() - began < 30
    assert len([chunk for chunk in sent if chunk]) == 1


def test_a_stream_ends_with_its_client_also_where_another_request_waits_behind_it(
    customer: GatewayClient, opened: Any
) -> None:
    job_id = queue(customer)
    stream = opened(job_id)
    next(stream.events())
    stream.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
    time.sleep(0.2)
    stream.close()
    customer.gateway.jobs.begin(job_id)
    hub = customer.app.state.event_hub
    for number in range(100):
        if hub._streams_open == {}:
            return
        customer.gateway.jobs.advance(job_id, "fetching", number / 100)
        time.sleep(0.1)
    pytest.fail("the stream went on though nobody reads it")


def test_a_stream_ends_with_its_key_before_it_tells_more(customer: GatewayClient, opened: Any) -> None:
    job_id = queue(customer)
    stolen = customer.post("/v2/keys", {"name": "stolen"}).json()["data"]
    thief = customer.another_customer()
    thief.key = stolen["key"]
    events = opened(job_id, client=thief).events()
    next(events)
    assert customer.delete(f"/v2/keys/{stolen['id']}").status_code == 200
    customer.gateway.jobs.begin(job_id)
    assert list(events) == []
