"""Fetching over the network, with servers on loopback and resolvers that lie. Nothing connects to a public address."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from tests.support.http_server import PUBLIC, Serve, get, policy_for, redirect, refused, reply
from voxport.fetch.client import FetchPolicy, FetchResult


def test_body_type_and_size_arrive(serve: Serve) -> None:
    server = serve(reply(b"sound", "Content-Type: audio/wav"))
    fetched, body = get("http://public.test/a%20b.wav?X-Sig=a%2Bb%2F&y=1+2", policy_for(server))
    assert (fetched, body) == (FetchResult("audio/wav", 5), b"sound")
    head = server.requests[0].decode()
    assert head.startswith("GET /a%20b.wav?X-Sig=a%2Bb%2F&y=1+2 HTTP/1.1\r\n")
    assert "\r\nHost: public.test\r\n" in head
    assert "\r\nAccept-Encoding: identity\r\n" in head


def test_dials_the_number_that_was_checked_and_asks_once(serve: Serve) -> None:
    server = serve(reply(b"x"))
    resolved: list[str] = []
    dialled: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        resolved.append(host)
        return [PUBLIC] if len(resolved) == 1 else ["127.0.0.1"]

    def dialer(address: str, port: int, timeout_seconds: float) -> socket.socket:
        dialled.append(address)
        return server.dialer(address, port, timeout_seconds)

    policy = FetchPolicy(max_bytes=10, timeout_seconds=5, resolver=resolver, dialer=dialer)
    get("http://rebinding.test/", policy)
    assert (resolved, dialled) == (["rebinding.test"], [PUBLIC])
    refused("http://rebinding.test/", policy)
    assert dialled == [PUBLIC]


def test_a_name_that_changes_its_mind_during_a_redirect(serve: Serve) -> None:
    server = serve(redirect("http://rebinding.test/again"))
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    refused("http://rebinding.test/", policy_for(server, resolver=lambda host, port: next(answers)))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "::1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%eth0"],
        ["100.64.0.1"],
        ["224.0.0.1"],
        ["2002:7f00:1::"],
        ["not an address"],
        [],
    ],
)
def test_names_that_lead_inside_are_not_dialled(serve: Serve, addresses: list[str]) -> None:
    server = serve(reply(b"secret"))
    refused("http://public.test/", policy_for(server, resolver=lambda host, port: addresses))
    assert server.requests == []


def test_a_name_that_does_not_resolve(serve: Serve) -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    refused("http://public.test/", policy_for(serve(reply(b"")), resolver=resolver))


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve) -> None:
    server = serve(reply(b"x"))

    def dialer(address: str, port: int, timeout_seconds: float) -> socket.socket:
        if address == "2606:4700::1":
            raise ConnectionRefusedError
        return server.dialer(address, port, timeout_seconds)

    both = FetchPolicy(10, 5, resolver=lambda host, port: ["2606:4700::1", PUBLIC], dialer=dialer)
    assert get("http://public.test/", both)[1] == b"x"


def test_a_private_host_is_fetched_only_when_it_is_listed(serve: Serve) -> None:
    server = serve(reply(b"x"))
    url = f"http://minio.test:{server.port}/"
    for listed in ("minio.test", f"minio.test:{server.port}"):
        policy = policy_for(server, resolver=lambda host, port: ["127.0.0.1"], private_hosts=frozenset({listed}))
        assert get(url, policy)[1] == b"x"
    other = frozenset({"minio.test:1", "test", "io.test"})
    refused(url, policy_for(server, resolver=lambda host, port: ["127.0.0.1"], private_hosts=other))


@pytest.mark.parametrize("hops", [1, 7, 12, 20])
def test_redirects_are_followed_as_far_as_browsers_do(serve: Serve, hops: int) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        step = int(request.split()[1].rpartition(b"/")[2])
        (reply(b"end") if step == hops else redirect(f"/{step + 1}"))(connection, request)

    server = serve(answer)
    assert get("http://public.test/0", policy_for(server))[1] == b"end"
    assert len(server.requests) == hops + 1


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "//127.0.0.1/",
        "http://public.test:22/",
        "http://user@public.test/",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://public.test/a",
        "gopher://public.test/",
        "data:audio/wav;base64,AAAA",
        "http://[::1",
        "",
    ],
)
def test_redirects_to_elsewhere_are_refused(serve: Serve, location: str) -> None:
    server = serve(redirect(location))
    refused("http://public.test/", policy_for(server))
    assert len(server.requests) == 1


def test_a_redirect_loop_ends(serve: Serve) -> None:
    server = serve(redirect("/again"))
    refused("http://public.test/again", policy_for(server))
    assert len(server.requests) == 21


def test_each_redirect_is_checked_also_the_last_one(serve: Serve) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        step = int(request.split()[1].rpartition(b"/")[2])
        redirect("http://169.254.169.254/" if step == 15 else f"/{step + 1}")(connection, request)

    server = serve(answer)
    refused("http://public.test/0", policy_for(server))
    assert len(server.requests) == 16


def test_all_redirects_together_end_at_the_deadline(serve: Serve) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        time.sleep(0.1)
        redirect("/again")(connection, request)

    server = serve(answer)
    refused("http://public.test/again", policy_for(server, timeout_seconds=0.35))
    assert len(server.requests) < 10


@pytest.mark.parametrize("status", ["206 Partial Content", "204 No Content", "401 No", "404 No", "500 No"])
def test_only_200_is_a_file(serve: Serve, status: str) -> None:
    refused("http://public.test/", policy_for(serve(reply(b"", status=status))))


def test_the_log_holds_the_reason_and_no_signature(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    refused("http://public.test/a?sig=secret", policy_for(serve(reply(b"")), resolver=lambda h, p: ["10.0.0.1"]))
    assert "public.test" in caplog.text
    assert "not public" in caplog.text
    assert "secret" not in caplog.text
