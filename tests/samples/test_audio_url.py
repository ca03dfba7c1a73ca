"""A forbidden audioUrl is refused at once with one generic message, and no hold is made for it."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tests.conftest import MakeClient, MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from voxport.audio.codec.wav import wav_bytes
from voxport.fetch.client import FetchPolicy

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
BLAND = (
    "The audioUrl could not be fetched. Give a public http(s) URL of an audio or video file, "
    "or upload the file with upload-media and use its public_url."
)

FORBIDDEN = [
    "http://127.0.0.1/a.wav",
    "http://127.0.0.1:8000/v2/billing/balance",
    "http://127.1/a.wav",
    "http://localhost/a.wav",
    "http://LOCALHOST./a.wav",
    "http://service.internal/a.wav",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/a.wav",
    "http://10.0.0.1/a.wav",
    "http://172.16.5.4/a.wav",
    "http://192.168.1.1/a.wav",
    "http://100.64.0.1/a.wav",
    "http://0.0.0.0/a.wav",
    "http://224.0.0.1/a.wav",
    "http://[::1]/a.wav",
    "http://[::]/a.wav",
    "http://[::ffff:127.0.0.1]/a.wav",
    "http://[::ffff:7f00:1]/a.wav",
    "http://[64:ff9b::7f00:1]/a.wav",
    "http://[fd00::1]/a.wav",
    "http://2130706433/a.wav",
    "http://0x7f000001/a.wav",
    "http://0177.0.0.1/a.wav",
    "http://256.0.0.1/a.wav",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "data:audio/wav;base64,UklGRg==",
    "ftp://media.example.com/a.wav",
    "gopher://media.example.com/",
    "javascript:alert(1)",
    "//media.example.com/a.wav",
    "/etc/passwd",
    "speaker.wav",
    "http://",
    "http:///a.wav",
    "https://user:password@media.example.com/a.wav",
    "https://media.example.com@127.0.0.1/a.wav",
    "https://@media.example.com/a.wav",
    "https://media.example.com:22/a.wav",
    "https://media.example.com:99999/a.wav",
    "https://media.example.com\\@127.0.0.1/a.wav",
    "https://media.example.com/a\r\nX-Evil: 1",
    "https://media.example.com/\x00",
    "https://media.example.com/" + "a" * 10_000,
    "http://[::1",
    "http://%31%32%37.0.0.1/",
    "intranet",
    "http://intranet/a.wav",
]


@pytest.mark.parametrize("path", [CLONE, INSTANT])
@pytest.mark.parametrize("url", FORBIDDEN, ids=lambda url: repr(url)[:50])
def test_what_may_not_be_fetched_is_refused_at_once(client: GatewayClient, path: str, url: str) -> None:
    body = {"audioUrl": url, "provider": "local", **({"text": "Hi"} if path == INSTANT else {})}
    answer = client.post(path, body)
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert error["code"] == "audio_url_unusable"
    assert error["message"] == BLAND
    assert error["details"] == {}
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert client.get("/v2/jobs").json()["data"] == []


def test_a_public_url_is_queued_without_being_asked(make_gateway: MakeGateway) -> None:
    def never(*_: object) -> list[str]:
        raise AssertionError("the network was asked before the answer")

    def dial(*_: object) -> socket.socket:
        raise AssertionError("a connection was made before the answer")

    policy = FetchPolicy(max_bytes=1000, timeout_seconds=1, resolver=never, dialer=dial)
    client = open_client(make_gateway(fetch_policy=policy))
    assert client.post(CLONE, {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}).status_code == 202


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_to_a_private_address_is_not_told_from_one_that_does_not_exist(
    make_gateway: MakeGateway, address: str
) -> None:
    dialled: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        if host == "missing.example.com":
            raise OSError("no such name")
        return [address]

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    policy = FetchPolicy(max_bytes=1000, timeout_seconds=2, resolver=resolve, dialer=dial)
    client = open_client(make_gateway(fetch_policy=policy))
    errors = []
    for host in ("private.example.com", "missing.example.com"):
        answer = client.post(INSTANT, {"audioUrl": f"https://{host}/a.wav", "text": "Hi", "provider": "local"})
        assert answer.status_code == 400
        errors.append({**error_of(answer), "request_id": ""})
    assert errors[0] == errors[1]
    assert dialled == []
    assert client.balance()["held"] == 0


def test_a_host_that_the_operator_lists_may_be_private(make_client: MakeClient) -> None:
    client = make_client(private_hosts="media.internal:9000, 10.0.0.7")
    for url, status in [
        ("http://media.internal:9000/a.wav", 202),
        ("http://MEDIA.internal:9000/a.wav", 202),
        ("http://10.0.0.7/a.wav", 202),
        ("http://media.internal/a.wav", 400),
        ("http://10.0.0.8/a.wav", 400),
        ("http://media.internal.evil.example:9000/a.wav", 400),
    ]:
        assert client.post(CLONE, {"audioUrl": url, "provider": "local"}).status_code == status, url


def test_an_empty_audio_url_is_of_the_wrong_shape(client: GatewayClient) -> None:
    assert client.post(CLONE, {"audioUrl": "", "provider": "local"}).status_code == 422


@contextlib.contextmanager
def answering(location: str | None, body: bytes = b"") -> Iterator[tuple[str, list[str]]]:
    """A server on 127.0.0.1 that redirects `/a.wav` to `location`, or serves `body`; yields host:port and paths
    requested."""
    resolved: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            resolved.append(self.path)
            if location is not None and self.path == "/a.wav":
                self.send_response(302)
                self.send_header("Location", location.replace("HERE", f"127.0.0.1:{self.server.server_port}"))  # type: ignore[attr-defined]
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", resolved
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/a.wav",
        "http://[::ffff:127.0.0.1]/a.wav",
        "http://10.0.0.1/a.wav",
        "file:///etc/passwd",
        "http://HERE/a.wav",
    ],
)
def test_a_redirect_leads_no_further_than_the_url_itself_could(make_client: MakeClient, location: str) -> None:
    with answering(location) as (host, resolved):
        client = make_client(private_hosts=host)
        body = {"audioUrl": f"http://{host}/a.wav", "text": "Hi", "provider": "local"}
        answer = client.post(INSTANT, body)
    assert (answer.status_code, error_of(answer)["message"]) == (400, BLAND)
    assert set(resolved) == {"/a.wav"}
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_redirect_to_a_host_that_may_be_asked_is_followed(make_client: MakeClient) -> None:
    silence = wav_bytes(np.zeros(24_000 * 4, np.int16))
    with answering("http://HERE/b.wav", silence) as (host, resolved):
        client = make_client(private_hosts=host)
        body = {"audioUrl": f"http://{host}/a.wav", "text": "Hi", "provider": "local"}
        answer = client.post(INSTANT, body)
    assert resolved == ["/a.wav", "/b.wav"]
    assert error_of(answer)["code"] == "sample_unusable", "it was fetched and decoded: four seconds of nothing"
