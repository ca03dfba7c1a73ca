"""Signed URLs: each permits exactly what was signed, until it expires."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conftest import MakeClient
from tests.support.client import PUBLIC_URL, GatewayClient, error_of
from tests.support.server import wait_until
from tests.support.uploads import DATA, stored_files, with_parameters
from voxport.media.signing import Grant

pytestmark = pytest.mark.folder_only("URLs that the gateway signs")

# Signatures.


def refused_url(client: GatewayClient, method: str, url: str) -> None:
    headers = {"Content-Type": "audio/wav"} if method == "PUT" else {}
    answer = client.http.request(method, url, content=DATA if method == "PUT" else None, headers=headers)
    assert answer.status_code == 403, (url, answer.text)
    assert error_of(answer)["code"] == "bad_signature"


CHANGES: list[dict[str, str | None]] = [
    {"operation": "get"},
    {"operation": "delete"},
    {"operation": None},
    {"content_type": "text/html"},
    {"content_type": None},
    {"max_bytes": "999999999999"},
    {"max_bytes": None},
    {"max_bytes": "-1"},
    {"max_bytes": "lots"},
    {"size_bytes": "20000"},
    {"size_bytes": None},
    {"expires": "9999999999"},
    {"expires": "99999999999999999999999"},
    {"expires": "-1"},
    {"expires": "1e12"},
    {"expires": "\u0661\u0662"},
    {"expires": None},
    {"signature": "0" * 64},
    {"signature": ""},
    {"signature": "\u00e9" * 64},
    {"signature": None},
    {"extra": "1"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "=".join(f"{k}={v}" for k, v in change.items())[:40])
def test_a_put_url_with_a_changed_parameter_is_403_and_the_right_one_stays_good(
    alone: GatewayClient, change: dict[str, str | None]
) -> None:
    slot = alone.upload_slot(size_bytes=len(DATA))
    refused_url(alone, "PUT", with_parameters(slot["upload_url"], **change))
    assert stored_files(alone) == []
    assert alone.put(slot["upload_url"], DATA).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"operation": "put"}, {"expires": "9999999999"}, {"signature": "f" * 64}, {"signature": None}, {"max_bytes": "5"}],
    ids=str,
)
def test_a_read_url_with_a_changed_parameter_is_403(client: GatewayClient, change: dict[str, str | None]) -> None:
    url = client.upload()["public_url"]
    for method in ("GET", "HEAD"):
        answer = client.http.request(method, with_parameters(url, **change))
        assert answer.status_code == 403
    assert client.http.get(url).status_code == 200


@pytest.mark.parametrize("position", [0, 13, 31, 63])
def test_one_letter_of_a_signature_decides(client: GatewayClient, position: int) -> None:
    url = client.upload()["public_url"]
    signature = url.rpartition("=")[2]
    forged = signature[:position] + ("0" if signature[position] != "0" else "1") + signature[position + 1 :]
    refused_url(client, "GET", url.replace(signature, forged))


def test_a_signature_is_for_one_key(client: GatewayClient) -> None:
    first, second = client.upload(), client.upload()
    refused_url(client, "GET", first["public_url"].replace(first["object_key"], second["object_key"]))


def test_a_read_url_cannot_write_and_a_write_url_cannot_read(client: GatewayClient) -> None:
    slot = client.upload_slot()
    refused_url(client, "PUT", slot["public_url"])
    assert client.put(slot["upload_url"], DATA).status_code == 200
    refused_url(client, "GET", slot["upload_url"])
    answer = client.http.head(slot["upload_url"])
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?signature=",
        "?signature=abc",
        "?&signature=&signature=",
        "?operation=get&expires=1&signature=%ff",
        "?" + "a=1&" * 1000 + "signature=0",
        "?operation=get&operation=get&expires=9999999999&signature=00",
        "?%00=%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_malformed_query_is_403(client: GatewayClient, method: str, query: str) -> None:
    key = client.upload()["object_key"]
    answer = client.http.request(method, f"/v1/blobs/{key}{query}")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "key", ["../../secret.key", "..%2f..%2fsecret.key", "%2e%2e/voxport.db", "a//b", "%00", "", "é"]
)
def test_a_key_that_leads_out_of_storage_is_403(client: GatewayClient, key: str) -> None:
    answer = client.http.get(f"/v1/blobs/{key}?operation=get&expires=9999999999&signature=00")
    assert answer.status_code in (403, 404)
    assert "vxp_" not in answer.text


def test_even_a_true_signature_does_not_lead_out_of_storage(client: GatewayClient) -> None:
    """Storage refuses such a key even under a valid signature."""
    for key in ("../secret.key", "..", "a/../../secret.key", ".incoming/x", "/etc/passwd", "a\x00b"):
        url = client.gateway.signer.url(Grant("get", key, int(time.time()) + 60))
        answer = client.http.get(url)
        assert answer.status_code in (403, 404), key


def test_urls_end_with_their_time(make_client: MakeClient) -> None:
    client = make_client(upload_expiry_seconds=1)
    slot = client.upload_slot()
    assert slot["expires_in"] == 1
    client.gateway.media.record_upload(slot["object_key"], 1)
    wait_until(
        lambda: time.time() > int(dict(parse_qsl(urlsplit(slot["upload_url"]).query))["expires"]),
        seconds=5,
        what="the end",
    )
    answer = client.put(slot["upload_url"], DATA)
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "bad_signature"
    assert "expired" in error_of(answer)["message"]
    answer = client.http.get(slot["public_url"])
    assert answer.status_code == 403
    assert "expired" in error_of(answer)["message"]
    assert stored_files(client) == []


def test_an_own_url_that_has_expired_is_told_so_as_audio_url(client: GatewayClient) -> None:
    key = client.upload()["object_key"]
    expired = client.gateway.signer.url(Grant("get", key, int(time.time()) - 1))
    answer = client.post("/v1/proxy/core-voice-clone", {"audioUrl": expired, "provider": "local"})
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "bad_signature"
    assert client.balance()["held"] == 0


def test_another_gateways_signature_is_worth_nothing(make_client: MakeClient) -> None:
    here, there = make_client(), make_client()
    refused_url(here, "GET", there.upload()["public_url"])


# URLs.


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": "/evil.example"},
        {"X-Original-URL": "/evil.example", "X-Host": "evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_urls_are_built_from_the_public_url_and_no_header(client: GatewayClient, headers: dict[str, str]) -> None:
    answer = client.request(
        "POST",
        "/v1/proxy/upload-media",
        json={"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"},
        headers=headers,
    )
    assert answer.status_code == 200
    assert "evil" not in answer.text
    for name in ("upload_url", "public_url"):
        assert answer.json()["data"][name].startswith(f"{PUBLIC_URL}/v1/blobs/uploads/")


def test_a_public_url_may_have_a_path_and_a_slash_at_its_end(make_client: MakeClient) -> None:
    client = make_client(public_url="https://example.com/voices/")
    assert client.upload_slot()["upload_url"].startswith("https://example.com/voices/v1/blobs/uploads/")
