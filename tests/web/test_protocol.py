"""Ambiguous HTTP is refused and slow clients are cut off; over raw sockets, against the real server."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.server import send_raw, serving, wait_until
from voxport.web.protocol import Timeouts

HOST = b"Host: gateway\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(headers: bytes, body: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST /nowhere HTTP/" + version + b"\r\n" + HOST + headers + b"\r\n" + body


AMBIGUOUS = {
    "length and chunked": post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\nG"),
    "chunked and length": post(CHUNKED + b"Content-Length: 6\r\n", b"0\r\n\r\nG"),
    "two lengths": post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"),
    "the same length twice": post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
    "a list of lengths": post(b"Content-Length: 3, 3\r\n", b"abc"),
    "a length with a sign": post(b"Content-Length: +3\r\n", b"abc"),
    "a negative length": post(b"Content-Length: -1\r\n", b"abc"),
    "a hexadecimal length": post(b"Content-Length: 0x3\r\n", b"abc"),
    "a length with a blank": post(b"Content-Length: 1 2\r\n", b"abc"),
    "an unknown coding": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity\r\n", b"abc"),
    "two codings": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked, not last": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "chunked twice": post(CHUNKED * 2, b"0\r\n\r\n"),
    "a coding after a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "chunked in HTTP/1.0": post(CHUNKED, b"0\r\n\r\n", b"1.0"),
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: gateway\n\n",
    "one bare line feed": b"GET /healthz HTTP/1.1\r\nHost: gateway\nX: y\r\n\r\n",
    "a bare carriage return": b"GET /healthz HTTP/1.1\r\nHost: gateway\rX: y\r\n\r\n",
    "a folded header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "a blank before the colon": b"GET /healthz HTTP/1.1\r\nHost : gateway\r\n\r\n",
    "a coding with a blank before the colon": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "a blank before the first header": b"GET /healthz HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n",
    "a NUL in a header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "a NUL in the address": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an address beyond ASCII": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\n" + HOST * 2 + b"\r\n",
    "a later version": b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a line feed in a chunk's extension": post(CHUNKED, b"3;a\nabc\r\n0\r\n\r\n"),
    "chunks with bare line feeds": post(CHUNKED, b"3\nabc\n0\n\n"),
    "a chunk size with 0x": post(CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a negative chunk size": post(CHUNKED, b"-1\r\nabc\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": post(CHUNKED, b"fffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "a chunk without its end": post(CHUNKED, b"3\r\nabcXX0\r\n\r\n"),
    "a blank after a chunk size": post(CHUNKED, b"3 \r\nabc\r\n0\r\n\r\n"),
    "a control character in a name": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X\x01: y\r\n\r\n",
    "a header without a name": b"GET /healthz HTTP/1.1\r\n" + HOST + b": y\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\n" + HOST + b"nothing\r\n\r\n",
    "a tunnel": b"CONNECT gateway:1 HTTP/1.1\r\n" + HOST + b"\r\nGET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.fixture(scope="module")
def port(shared: GatewayClient) -> Iterator[int]:
    with serving(shared) as number:
        yield number


def error_in(received: bytes) -> dict[str, object]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"x-gateway-request-id: req_" in head.lower()
    error: dict[str, object] = json.loads(body)["error"]
    return error


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(port: int, sent: bytes) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    received = everything(port, sent + smuggled)
    assert statuses(received) == [b"400"]
    assert error_in(received)["code"] == "bad_request"


def statuses(received: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", received)


def everything(port: int, sent: bytes) -> bytes:
    """Sends `sent` and returns all that is received until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(65_536):
                received += data
    return received


PLAIN = {
    "a chunked body": post(CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"),
    "an extension of a chunk": post(CHUNKED, b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "an empty line first": b"\r\nGET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n",
    "the absolute form": b"GET http://elsewhere/nowhere HTTP/1.1\r\n" + HOST + b"\r\n",
    "all of the server": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header beyond ASCII": b"GET /nowhere HTTP/1.1\r\n" + HOST + b"X: \xff\xfe\r\n\r\n",
}


@pytest.mark.parametrize("sent", PLAIN.values(), ids=PLAIN.keys())
def test_what_is_plain_is_answered(port: int, sent: bytes) -> None:
    received = send_raw(port, sent)
    assert received.startswith(b"HTTP/1.1 404"), received


def test_an_upgrade_is_ignored_and_nothing_read_behind_it(port: int) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    sent = b"GET /healthz HTTP/1.1\r\n" + HOST + upgrade + b"\r\nGET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    received = everything(port, sent)
    assert statuses(received) == [b"200"]


def test_few_requests_wait_on_a_connection_and_each_is_answered(port: int) -> None:
    health = b"GET /healthz HTTP/1.1\r\n" + HOST
    received = everything(port, (health + b"\r\n") * 5 + health + b"Connection: close\r\n\r\n")
    assert statuses(received) == [b"200"] * 6


def test_thousands_of_requests_that_wait_on_a_connection_end_it(port: int) -> None:
    sent = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    assert len(statuses(everything(port, sent * 2_000))) < 20
    assert send_raw(port, sent).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000, 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 35_000 + b"\r\nY: z\r\nZ: z\r\n", 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 103, 431, "headers_too_large"),
        (b"GET /" + b"x" * 8_200, 414, "uri_too_long"),
        (b"GET /" + b"x" * 100_000, 414, "uri_too_long"),
    ],
    ids=["without end", "long", "many", "address", "address without end"],
)
def test_a_head_is_refused_before_it_is_whole(port: int, sent: bytes, status: int, code: str) -> None:
    received = send_raw(port, sent)
    if received:  # the response may be lost if the server closes while the client still writes
        assert received.startswith(b"HTTP/1.1 %d" % status)
        assert error_in(received)["code"] == code


QUICK = Timeouts(head=0.6, window=0.5, min_rate=1_000, body=2.0, reader=1.0)


SENT_ON = {
    "a length that is too large": post(b"Content-Length: 6000000\r\n", b""),
    "a head that can be read in two ways": post(b"Content-Length: 6000000\r\nContent-Length: 3\r\n", b""),
}


@pytest.mark.parametrize("head", SENT_ON.values(), ids=SENT_ON.keys())
def test_a_client_that_is_refused_while_it_sends_a_body_gets_its_answer_and_no_reset(port: int, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(head)
        received = connection.recv(65_536)  # the answer is there; a proxy writes on before it reads it
        for _ in range(40):
            connection.sendall(bytes(50_000))
        while data := connection.recv(65_536):
            received += data
    assert error_in(received)["code"] in ("body_too_large", "bad_request")


def test_what_follows_a_refused_body_is_no_request(port: int) -> None:
    refused = post(b"Content-Length: 2000000\r\n", bytes(2_000_000))
    assert statuses(everything(port, refused + b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")) == [b"413"]


@pytest.fixture(scope="module")
def quick(shared: GatewayClient) -> Iterator[int]:
    """The port of a server with short timeouts."""
    with serving(shared, QUICK) as number:
        yield number


def dribble(port: int, start: bytes, piece: bytes, seconds: float = 40) -> tuple[bytes, float]:
    """Sends `piece` every tenth of a second; returns the response and the seconds until the connection ended."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(start)
        connection.settimeout(0.1)
        while time.monotonic() - began < seconds:
            try:
                connection.sendall(piece)
                return connection.recv(65_536), time.monotonic() - began
            except TimeoutError:
                continue
            except OSError:
                return b"", time.monotonic() - began
    pytest.fail("the client was never cut")


@pytest.mark.parametrize("piece", [b"a", b"X-More: y\r\n", b""], ids=["a byte", "a header", "nothing"])
def test_a_head_that_dribbles_is_cut(quick: int, piece: bytes) -> None:
    received, seconds = dribble(quick, b"GET /healthz HTTP/1.1\r\nX-First: ", piece)
    assert seconds < 20
    if received:
        assert received.startswith(b"HTTP/1.1 408")
        assert error_in(received)["code"] == "request_timeout"


def test_a_connection_that_says_nothing_is_cut_also_after_an_answer(quick: int) -> None:
    assert dribble(quick, b"", b"")[1] < 20
    with socket.create_connection(("127.0.0.1", quick), 40) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        connection.sendall(b"\r\n")  # the connection is not idle by uvicorn's clock, and this is not a request yet
        assert b"408" in connection.recv(65_536)
        assert time.monotonic() - began < 20


def test_a_json_body_that_dribbles_is_cut(quick: int, shared: GatewayClient) -> None:
    head = f"POST /v1/proxy/core-tts HTTP/1.1\r\nHost: g\r\nX-API-Key: {shared.key}\r\nContent-Length: 1000\r\n\r\n"
    received, seconds = dribble(quick, head.encode(), b" ")
    assert seconds < 20
    assert received.startswith(b"HTTP/1.1 408")
    assert error_in(received)["code"] == "request_timeout"


def upload_head(url: str, length: int) -> bytes:
    path = url.partition("example.com")[2]
    lines = [f"PUT {path} HTTP/1.1", "Host: g", "Content-Type: audio/wav", f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_an_upload_that_dribbles_is_cut_and_may_be_tried_again(quick: int, client: GatewayClient) -> None:
    slot = client.upload_slot()
    received, seconds = dribble(quick, upload_head(slot["upload_url"], 1_000_000), b"x" * 20)
    assert seconds < 20
    assert received.startswith(b"HTTP/1.1 408")
    wait_until(
        lambda: client.put(slot["upload_url"], b"RIFF").status_code == 200,
        seconds=5,
        what="a place that is free again",
    )


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_an_upload_that_is_fast_enough_but_endless_is_cut(client: GatewayClient) -> None:
    with serving(client, replace(QUICK, body=1.0)) as port:
        received, seconds = dribble(port, upload_head(client.upload_slot()["upload_url"], 100_000_000), b"x" * 1_000)
    assert 0.9 < seconds < 20
    assert received.startswith(b"HTTP/1.1 408")


@pytest.mark.folder_only("PUTs that the gateway itself receives")
def test_an_upload_that_is_steady_is_taken(quick: int, client: GatewayClient) -> None:
    slot = client.upload_slot()

    def upload() -> tuple[bytes, float]:
        """Returns the response and the longest time in seconds between two pieces."""
        times = [time.monotonic()]
        with socket.create_connection(("127.0.0.1", quick), 60) as connection, contextlib.suppress(OSError):
            connection.sendall(upload_head(slot["upload_url"], 24_000))
            for _ in range(12):  # lasts two windows
                connection.sendall(b"x" * 2_000)
                time.sleep(0.1)
                times.append(time.monotonic())
            return connection.recv(65_536), max(after - before for before, after in pairwise(times))
        return b"", max(after - before for before, after in pairwise([*times, time.monotonic()]))

    # An attempt that a busy machine interrupted was not steady and does not count.
    tries = (upload() for _ in range(20))
    received = next(received for received, pause in tries if received.startswith(b"HTTP/1.1 200") or pause < 0.2)
    assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_a_slow_answer_of_the_gateway_is_no_slow_client(make_gateway: MakeGateway) -> None:
    timeouts = replace(QUICK, body=0.8, reader=0.8)
    client = open_client(with_fake_provider(make_gateway, FakeProvider(on_piece=lambda _: time.sleep(1.2))).gateway)
    with serving(client, timeouts) as port:
        answer = httpx2.post(
            f"http://127.0.0.1:{port}/v1/proxy/core-tts",
            json={"text": "Hello.", "voice_id": "hum", "provider": "local"},
            headers=client.headers,
        )
    assert answer.status_code == 200


@pytest.mark.folder_only("URLs that the gateway signs")
@pytest.mark.slow
def test_a_reader_that_takes_nothing_is_cut_and_one_that_is_slow_is_not(quick: int, client: GatewayClient) -> None:
    slot = client.upload_slot()
    data = bytes(32 << 20)
    assert client.put(slot["upload_url"], data).status_code == 200
    path = slot["public_url"].partition("example.com")[2]
    request = f"GET {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode()
    with socket.socket() as stalled, socket.socket() as slow:
        for connection in (stalled, slow):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            connection.connect(("127.0.0.1", quick))
            connection.sendall(request)
        taken, until = 0, time.monotonic() + 2.5  # longer than twice the reader's timeout
        slow.settimeout(60)
        while time.monotonic() < until:
            taken += len(slow.recv(65_536))
            time.sleep(0.02)
        while piece := slow.recv(1 << 20):
            taken += len(piece)
            if taken > len(data):
                break
        assert taken > len(data)  # the head is counted too
        stalled.settimeout(60)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := stalled.recv(1 << 20):
                received += len(piece)
        assert received < len(data)


@pytest.mark.slow
def test_500_clients_that_dribble_their_heads_stop_nobody(shared: GatewayClient) -> None:
    with serving(shared, Timeouts(head=2.0)) as port, contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{port}/v2/billing/balance"
        slow = []
        for _ in range(500):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
            slow.append(connection)
        longest, began = 0.0, time.monotonic()
        with httpx2.Client(headers=shared.headers, timeout=60) as client:
            while time.monotonic() - began < 1:  # shorter than their timeouts
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.send(b"x")
                before = time.monotonic()
                assert client.get(url).status_code == 200
                longest = max(longest, time.monotonic() - before)
        print(f"longest of a normal client's calls beside 500 slow ones: {longest * 1000:.0f} ms")
        assert longest < 30
        wait_until(lambda: all(_is_cut(connection) for connection in slow), seconds=60, what="the end of all of them")


def _is_cut(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
