"""A JSON body over the limit is refused early, with or without a Content-Length."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.server import send_raw, serving
from voxport.web.body_limits import JsonDepth

LIMIT = 1_048_576
PATHS = ["/v1/proxy/core-tts", "/v1/proxy/core-voice-clone", "/v1/proxy/upload-media", "/v2/jobs/x/cancel", "/nowhere"]


def request_head(path: str, key: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {key}", "Content-Type: application/json"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def error_in(received: bytes) -> dict[str, object]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"x-gateway-request-id: req_" in head.lower()
    error: dict[str, object] = json.loads(body)["error"]
    return error


@pytest.mark.parametrize("path", PATHS)
def test_a_gigabyte_that_is_announced_is_refused_before_it_is_sent(client: GatewayClient, path: str) -> None:
    with serving(client) as port:
        received = send_raw(port, request_head(path, client.key, f"Content-Length: {1 << 30}") + b'{"text": "')
    assert received.startswith(b"HTTP/1.1 413")
    assert error_in(received)["code"] == "body_too_large"
    assert error_in(received)["details"] == {"max_bytes": LIMIT}


@pytest.mark.parametrize("path", PATHS[:3])
def test_a_body_without_end_sent_in_chunks_is_refused_after_the_limit(client: GatewayClient, path: str) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    chunks = 4 * LIMIT // 0x10000  # bounded, because the body never ends and the server must not wait for its end
    with serving(client) as port:
        received = send_raw(port, request_head(path, client.key, "Transfer-Encoding: chunked"), *[chunk] * chunks)
    # A server that closes while the client still writes may lose its response; then nothing is received.
    if received:
        assert received.startswith(b"HTTP/1.1 413")
        assert error_in(received)["code"] == "body_too_large"
    assert client.balance()["held"] == 0


def test_a_body_just_over_the_limit_sent_in_chunks_hears_why(client: GatewayClient) -> None:
    chunk = b"%x\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1) + b"\r\n0\r\n\r\n"
    with serving(client) as port:
        received = send_raw(port, request_head(PATHS[0], client.key, "Transfer-Encoding: chunked"), chunk)
    assert received.startswith(b"HTTP/1.1 413")
    assert error_in(received)["code"] == "body_too_large"


def test_the_server_goes_on_after_a_flood(client: GatewayClient) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with serving(client) as port:
        send_raw(port, request_head(PATHS[0], client.key, "Transfer-Encoding: chunked"), *[chunk] * 40)
        head = f"GET /v2/billing/balance HTTP/1.1\r\nHost: g\r\nX-API-Key: {client.key}\r\n\r\n"
        assert send_raw(port, head.encode()).startswith(b"HTTP/1.1 200")


def test_a_body_of_exactly_the_limit_is_read(client: GatewayClient) -> None:
    body = json.dumps({"text": "", "voice_id": "x"}).encode()
    answer = client.post_raw("/v1/proxy/core-tts", body + b" " * (LIMIT - len(body)))
    assert answer.status_code == 422  # because its text is empty
    answer = client.post_raw("/v1/proxy/core-tts", body + b" " * (LIMIT - len(body) + 1))
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"


@pytest.mark.parametrize("length", ["-1", "abc", "1, 2", "0x10", "99999999999999999999999999"])
def test_a_length_that_is_no_number_harms_nobody(client: GatewayClient, length: str) -> None:
    with serving(client) as port:
        received = send_raw(port, request_head(PATHS[0], client.key, f"Content-Length: {length}") + b"{}", seconds=5)
        assert received[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 422", b""), received
        assert send_raw(port, b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n").startswith(b"HTTP/1.1 200")


MILLIONS = {
    "fields": "{" + ",".join(f'"{number:x}":1' for number in range(100_000)) + "}",
    "fields of a field": '{"text":"a","voice_id":"b","voice_settings":{'
    + ",".join(f'"{n:x}":1' for n in range(90_000))
    + "}}",
    "brackets": "[" + "[[]]," * 200_000 + "1]",
    "quotes": '"' * 1_000_000,
    "escapes": '{"text":"' + '\\"' * 500_000 + '"}',
    "a long name": '{"' + "k" * 1_000_000 + '":1}',
}


@pytest.mark.parametrize("body", MILLIONS.values(), ids=MILLIONS.keys())
def test_a_mebibyte_of_mistakes_is_refused_in_a_moment_and_in_few_words(client: GatewayClient, body: str) -> None:
    began = time.process_time()
    answer = client.post_raw("/v1/proxy/core-tts", body.encode())
    assert answer.status_code == 422
    assert error_of(answer)["code"] == "validation_failed"
    assert len(answer.content) < 2_000
    assert time.process_time() - began < 10, "it is read in the thread that serves all calls"


def levels(*pieces: bytes) -> int:
    depth, deepest = JsonDepth(), 0
    for piece in pieces:
        deepest = depth.feed(piece)
    return deepest


def test_brackets_count_as_levels_but_those_of_strings_do_not() -> None:
    body = b'{"a":[{"[[[": "]}\\"[[\\\\"}, []], "b": "\\\\\\"{{{"}'
    assert levels(body) == 3
    assert levels(*(body[place : place + 1] for place in range(len(body)))) == 3
    assert levels(b"[" * 20, b"]" * 20, b"[" * 33) == 33
