"""Redirects with non-ASCII bytes in `Location`, as many servers send them, are followed as browsers do and are checked
like any other."""

from __future__ import annotations

import socket

import pytest

from tests.support.http_server import Answer, Serve, get, policy_for, refused, reply


def raw_redirect(location: bytes) -> Answer:
    """Redirects `/start` to `location`, and serves a body on any other path."""

    def answer(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET /start "):
            connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        else:
            reply(b"sound")(connection, request)

    return answer


@pytest.mark.parametrize(
    ("location", "target", "host"),
    [
        ("/Müller ß.wav".encode(), "/M%C3%BCller%20%C3%9F.wav", "public.test"),
        ("録音.wav?名=値".encode(), "/%E9%8C%B2%E9%9F%B3.wav?%E5%90%8D=%E5%80%A4", "public.test"),
        ("http://public.test/caf%C3%A9/é?X-Sig=a%2Bb%2F".encode(), "/caf%C3%A9/%C3%A9?X-Sig=a%2Bb%2F", "public.test"),
        (b"/caf\xe9.wav", "/caf%E9.wav", "public.test"),  # Latin-1: the server gets its own bytes back
        ("/\u0085\u202e.wav".encode(), "/%C2%85%E2%80%AE.wav", "public.test"),
        ("http://bücher.test/ü".encode(), "/%C3%BC", "xn--bcher-kva.test"),
        (b"\t /a b.wav \t", "/a%20b.wav", "public.test"),
    ],
)
def test_a_location_is_percent_encoded_as_browsers_do(serve: Serve, location: bytes, target: str, host: str) -> None:
    server = serve(raw_redirect(location))
    assert get("http://public.test/start", policy_for(server))[1] == b"sound"
    head = server.requests[1].decode("ascii")
    assert head.startswith(f"GET {target} HTTP/1.1\r\n")
    assert f"\r\nHost: {host}\r\n" in head


@pytest.mark.parametrize(
    "location",
    [
        # Characters that normalise to an ASCII host, and characters that end the host in some parsers.
        "http://１２７.０.０.１/ü",
        "http://ⓛocalhost/",
        "http://127。0。0。1/",
        "http://public.test\\@127.0.0.1/é",
        "http://é@127.0.0.1/",
        "//127.0.0.1/é",
        "http://10.0.0.1/é",
        "file:///é",
        "http://[::1]/é",
        "http://public.test:22/é",
    ],
)
def test_a_raw_location_leads_no_further_than_any_other(serve: Serve, location: str) -> None:
    server = serve(raw_redirect(location.encode()))
    refused("http://public.test/start", policy_for(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", [b"http://caf\xe9.test/", b"http://public.test\xff/"])
def test_a_host_that_is_no_text_is_refused(serve: Serve, location: bytes) -> None:
    server = serve(raw_redirect(location))
    refused("http://public.test/start", policy_for(server))
    assert len(server.requests) == 1
