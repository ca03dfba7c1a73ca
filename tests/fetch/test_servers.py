"""Fetching from servers that send too much, too slowly, malformed data or another host's certificate."""

from __future__ import annotations

import io
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.http_server import Answer, Serve, get, policy_for, redirect, refused, reply
from voxport.errors import AudioUrlUnusable, TooLarge
from voxport.fetch.client import fetch


def test_too_large_as_announced(serve: Serve) -> None:
    server = serve(reply(b"", length=10**12))
    with pytest.raises(TooLarge) as caught:
        get("http://public.test/", policy_for(server))
    assert caught.value.details == {"max_bytes": 1_000_000}
    assert "1 MB" in caught.value.message


def test_too_large_without_announcement(serve: Serve) -> None:
    def endless(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    into = io.BytesIO()
    with pytest.raises(TooLarge):
        fetch("http://public.test/", into, policy_for(serve(endless)))
    assert into.tell() <= 1_000_000


def test_exactly_the_limit_is_fine(serve: Serve) -> None:
    assert get("http://public.test/", policy_for(serve(reply(bytes(50))), max_bytes=50))[0].size == 50


def drip(before: bytes) -> Answer:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(before)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: ", b""],
    ids=["body", "header", "status line"],
)
def test_a_slow_drip_ends_at_the_deadline(serve: Serve, before: bytes) -> None:
    started = time.monotonic()
    refused("http://public.test/", policy_for(serve(drip(before)), timeout_seconds=0.4))
    assert time.monotonic() - started < 30


def test_a_server_that_says_nothing_ends_at_the_deadline(serve: Serve) -> None:
    server = serve(lambda connection, request: time.sleep(60))
    started = time.monotonic()
    refused("http://public.test/", policy_for(server, timeout_seconds=0.3))
    assert time.monotonic() - started < 30


def test_a_tls_handshake_that_stalls_ends_at_the_deadline(serve: Serve) -> None:
    server = serve(reply(b""))  # reads the ClientHello and never completes the handshake
    started = time.monotonic()
    refused("https://public.test/", policy_for(server, timeout_seconds=0.3))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"half", length=8),
        lambda connection, request: connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf"
        ),
        lambda connection, request: connection.sendall(b"not HTTP at all\r\n\r\n"),
        lambda connection, request: None,
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
    ],
    ids=["short body", "short chunk", "not HTTP", "nothing", "endless header"],
)
def test_broken_answers_are_refused(serve: Serve, answer: Answer) -> None:
    refused("http://public.test/", policy_for(serve(answer)))


def test_a_full_disk_is_not_blamed_on_the_url(serve: Serve) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fetch("http://public.test/", FullDisk(), policy_for(serve(reply(b"x"))))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of `public.test`, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=public.test", "-addext", "subjectAltName=DNS:public.test"]
    subprocess.run([*command, "-keyout", str(made), "-out", str(made) + ".crt"], check=True, capture_output=True)
    made.write_text(made.read_text() + Path(str(made) + ".crt").read_text())
    return made


def test_the_certificate_must_be_the_names(serve: Serve, certificate: Path) -> None:
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate)
    server = serve(reply(b"safe"), ours)
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert get("https://public.test/", policy_for(server, ssl_context=trusting))[1] == b"safe"
    refused("https://other.test/", policy_for(server, ssl_context=trusting))
    refused("https://public.test/", policy_for(server))  # the system doesn't trust it
    assert len(server.requests) == 1


def test_no_redirect_from_https_to_http(serve: Serve, certificate: Path) -> None:
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate)
    server = serve(redirect("http://public.test/"), ours)
    trusting = ssl.create_default_context(cafile=str(certificate))
    refused("https://public.test/", policy_for(server, ssl_context=trusting))
    assert len(server.requests) == 1


def test_what_the_network_broke_off_is_tried_again_from_the_beginning(serve: Serve) -> None:
    answers = iter([reply(b"half", length=100), reply(b"", status="503 Busy"), reply(b"the whole recording")])
    server = serve(lambda connection, request: next(answers)(connection, request))
    into = io.BytesIO()
    fetched = fetch("http://public.test/", into, policy_for(server), retry_delays=(0.01, 0.01))
    assert (fetched.size, into.getvalue()) == (19, b"the whole recording")
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "204 No Content"])
def test_an_answer_that_is_no_recording_is_not_asked_for_again(serve: Serve, status: str) -> None:
    server = serve(reply(b"", status=status))
    with pytest.raises(AudioUrlUnusable):
        fetch("http://public.test/", io.BytesIO(), policy_for(server), retry_delays=(0.01, 0.01))
    assert len(server.requests) == 1


def test_all_tries_together_have_the_time_of_one(serve: Serve) -> None:
    server = serve(reply(b"", status="503 Busy"))
    began = time.monotonic()
    with pytest.raises(AudioUrlUnusable):
        fetch("http://public.test/", io.BytesIO(), policy_for(server, timeout_seconds=3), retry_delays=(0.2, 100.0))
    assert time.monotonic() - began < 50
    assert len(server.requests) == 2


def test_a_fetch_that_is_no_longer_wanted_ends_soon_also_where_the_server_says_nothing(serve: Serve) -> None:
    class NotWantedError(Exception):
        pass

    began = time.monotonic()

    def check_cancelled() -> None:
        if time.monotonic() - began > 0.5:
            raise NotWantedError

    server = serve(lambda connection, request: time.sleep(100))
    with pytest.raises(NotWantedError):
        fetch(
            "http://public.test/",
            io.BytesIO(),
            policy_for(server, timeout_seconds=100),
            check_cancelled=check_cancelled,
        )
    assert time.monotonic() - began < 50
