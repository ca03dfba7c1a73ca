"""A POST to a user's URL is guarded as a fetch is: no private address, no redirect, one deadline."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.http_server import Answer, Serve, policy_for, redirect, reply
from voxport.fetch.client import post
from voxport.fetch.policy import RefusedError

BODY = b'{"type":"job.completed"}'


def after_body(answer: Answer) -> Answer:
    """Sends `answer` only after the whole request has been read."""

    def read_and_answer(connection: socket.socket, request: bytes) -> None:
        received = request.partition(b"\r\n\r\n")[2]
        while len(received) < len(BODY):
            received += connection.recv(1000)
        answer(connection, request)

    return read_and_answer


HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}


def test_the_body_and_its_headers_arrive_and_the_status_comes_back(serve: Serve) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        _, _, body = request.partition(b"\r\n\r\n")
        while len(body) < len(BODY):
            body += connection.recv(1000)
        bodies.append(body)
        reply(b"fine", "Retry-After: 7", status="202 Accepted")(connection, request)

    bodies: list[bytes] = []
    server = serve(answer)
    answered = post("http://public.test/hook?token=1", BODY, HEADERS, policy_for(server))
    assert (answered.status, answered.retry_after) == (202, "7")
    assert bodies == [BODY]
    head = server.requests[0].partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith("post /hook?token=1 http/1.1")
    for line in ("host: public.test", "content-type: application/json", "webhook-id: msg_1", "content-length: 24"):
        assert f"\r\n{line}" in head
    assert "cookie" not in head
    assert "authorization" not in head


def test_a_redirect_is_an_answer_and_is_not_followed(serve: Serve) -> None:
    server = serve(after_body(redirect("http://public.test/elsewhere")))
    assert post("http://public.test/", BODY, HEADERS, policy_for(server)).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://10.0.0.1/", "http://localhost/", "gopher://public.test/", "http://u@public.test"],
)
def test_what_may_not_be_fetched_may_not_be_posted_to(serve: Serve, url: str) -> None:
    server = serve(reply(b""))
    with pytest.raises(RefusedError):
        post(url, BODY, HEADERS, policy_for(server))
    assert server.requests == []


def test_a_name_with_a_private_address_is_not_dialled(serve: Serve) -> None:
    server = serve(reply(b""))
    with pytest.raises(RefusedError, match="not public"):
        post("http://public.test/", BODY, HEADERS, policy_for(server, resolver=lambda host, port: ["192.168.0.7"]))
    assert server.requests == []


def test_a_host_that_the_operator_lists_may_be_private(serve: Serve) -> None:
    server = serve(after_body(reply(b"")))
    policy = policy_for(server, resolver=lambda host, port: ["127.0.0.1"], private_hosts=frozenset({"hooks.lan:81"}))
    assert post("http://hooks.lan:81/", BODY, HEADERS, policy).status == 200


def test_a_server_that_says_nothing_ends_at_the_deadline(serve: Serve) -> None:
    server = serve(lambda connection, request: time.sleep(60))
    began = time.monotonic()
    with pytest.raises(RefusedError, match="too long"):
        post("http://public.test/", BODY, HEADERS, policy_for(server, timeout_seconds=1.3))
    assert 1.2 < time.monotonic() - began < 30


def test_an_answer_without_an_end_holds_nobody_up(serve: Serve) -> None:
    def endless(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.01)

    began = time.monotonic()
    answer = post("http://public.test/", BODY, HEADERS, policy_for(serve(after_body(endless)), timeout_seconds=60))
    assert answer.status == 200
    assert time.monotonic() - began < 30
