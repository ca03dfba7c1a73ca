"""A compressed or partial body is refused before it is read or stored."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support.client import GatewayClient, error_of

UPLOAD = "/v1/proxy/upload-media"
ASKED = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}


@pytest.mark.folder_only("PUTs that the gateway itself receives")
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity, br"}, 415),
        ({"Content-Range": "bytes 0-9/100"}, 400),
    ],
)
def test_an_upload_of_something_else_than_the_file_leaves_its_url_good(
    client: GatewayClient, header: dict[str, str], status: int
) -> None:
    slot = client.post(UPLOAD, ASKED).json()["data"]
    put = {"Content-Type": "audio/wav"}
    answer = client.http.put(slot["upload_url"], content=b"packed or a part", headers={**put, **header})
    assert answer.status_code == status
    assert next(iter(header)) in error_of(answer)["message"]
    assert client.http.put(slot["upload_url"], content=b"RIFF", headers=put).status_code == 200


def test_a_packed_body_is_told_so(client: GatewayClient) -> None:
    headers = {**client.headers, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.http.post(UPLOAD, content=gzip.compress(json.dumps(ASKED).encode()), headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "", "Identity"])
def test_a_body_as_it_is_may_say_so(client: GatewayClient, encoding: str) -> None:
    headers = {**client.headers, "Content-Type": "application/json", "Content-Encoding": encoding}
    answer = client.http.post(UPLOAD, content=json.dumps(ASKED).encode(), headers=headers)
    assert answer.status_code == 200


def test_a_call_without_a_body_may_say_what_it_likes(client: GatewayClient) -> None:
    headers = {**client.headers, "Content-Encoding": "gzip"}
    assert client.http.get("/v2/billing/balance", headers=headers).status_code == 200
