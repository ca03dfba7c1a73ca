"""Errors that newcomers make are answered with advice."""

from __future__ import annotations

import pytest

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from voxport.billing.advice import top_up_advice

CLONE, TTS = "/v1/proxy/core-voice-clone", "/v1/proxy/core-tts"
DETECT = "/v1/watermark/detect"


@pytest.mark.parametrize("path", [CLONE, DETECT])
def test_an_upload_url_as_audio_url_is_told_to_its_owner_only(client: GatewayClient, path: str) -> None:
    url = client.request_upload().json()["data"]["upload_url"]
    answer = client.post(path, {"audioUrl": url})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "audio_url_unusable")
    assert "This is the upload_url" in error_of(answer)["message"]
    assert "public_url" in error_of(answer)["message"]
    other_customer = client.another_customer().post(path, {"audioUrl": url})
    assert (other_customer.status_code, error_of(other_customer)["code"]) == (404, "media_not_found")
    assert "upload_url" not in error_of(other_customer)["message"]


def test_an_expired_public_url_is_told_to_its_owner_only(
    client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = client.request_upload().json()["data"]["public_url"]
    monkeypatch.setattr("voxport.media.signing.Grant.is_expired", True)
    own, strangers = (one.post(CLONE, {"audioUrl": url}) for one in (client, client.another_customer()))
    assert (own.status_code, error_of(own)["code"]) == (403, "bad_signature")
    assert "expired" in error_of(own)["message"]
    assert (strangers.status_code, error_of(strangers)["code"]) == (404, "media_not_found")


def test_an_upload_that_was_never_put_is_told_to_its_owner_only(client: GatewayClient) -> None:
    url = client.request_upload().json()["data"]["public_url"]
    own, strangers = (one.post(CLONE, {"audioUrl": url}) for one in (client, client.another_customer()))
    assert (own.status_code, strangers.status_code) == (404, 404)
    assert "PUT it to the upload_url" in error_of(own)["message"]
    assert error_of(strangers)["message"] == "There is no such upload of yours."


@pytest.mark.folder_only("URLs that the gateway signs")
def test_the_two_urls_of_an_upload_taken_for_each_other_are_told_apart(client: GatewayClient) -> None:
    slot = client.request_upload().json()["data"]
    put = client.http.put(slot["public_url"], content=b"x", headers={"Content-Type": "audio/wav"})
    read = client.http.get(slot["upload_url"])
    assert (put.status_code, read.status_code) == (403, 403)
    assert "upload_url" in error_of(put)["message"]
    assert "public_url" in error_of(read)["message"]


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        ("http://127.0.0.1:9000/hook", "127.0.0.1:9000"),
        ("http://localhost/hook", "localhost"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://host.docker.internal:3000/x", "host.docker.internal:3000"),
        ("https://192.168.1.5/hook", "192.168.1.5"),
    ],
)
def test_a_webhook_of_a_private_host_is_told_the_setting_that_lets_it(
    client: GatewayClient, url: str, setting: str
) -> None:
    answer = client.put_json("/v2/billing/alert", {"below": 1.0, "webhook_url": url})
    assert error_of(answer)["code"] == "webhook_url_unusable"
    assert f"VOXPORT_PRIVATE_HOSTS={setting} and" in error_of(answer)["message"]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "https://example.com:9000/", "http://me@127.0.0.1/", "nonsense"])
def test_another_bad_webhook_is_told_no_setting(client: GatewayClient, url: str) -> None:
    answer = client.put_json("/v2/billing/alert", {"below": 1.0, "webhook_url": url})
    assert error_of(answer)["code"] == "webhook_url_unusable"
    assert "VOXPORT" not in error_of(answer)["message"]


def test_the_setting_that_is_told_lets_the_webhook_through(make_client: MakeClient) -> None:
    client = make_client(private_hosts="[::1]:8080,127.0.0.1:9000")
    for url in ("http://[::1]:8080/", "http://127.0.0.1:9000/hook"):
        assert client.put_json("/v2/billing/alert", {"below": 1.0, "webhook_url": url}).status_code == 200


def test_who_has_no_credits_is_told_what_to_do(client: GatewayClient, make_client: MakeClient) -> None:
    clone = {"audioUrl": "https://example.com/a.wav", "provider": "local"}
    poor = client.another_customer(credits="0")
    answer = poor.post(CLONE, clone)
    assert (answer.status_code, error_of(answer)["code"]) == (402, "insufficient_credits")
    assert error_of(answer)["message"].endswith("Ask the operator of this gateway for more.")
    shop = make_client(credits="0", top_up="Buy more at https://example.com/{profile_id}.")
    assert f"https://example.com/{shop.profile_id}." in error_of(shop.post(CLONE, clone))["message"]


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("https://voices.example.com", False),
        ("http://192.168.1.5:8000", False),
        ("http://localhost.example.com", False),
    ],
)
def test_the_command_is_named_where_only_this_machine_calls(address: str, is_own: bool) -> None:
    assert ("voxport admin credits add" in top_up_advice(None, address)) is is_own


@pytest.mark.parametrize(("provider", "setting"), [("elevenlabs", "ELEVENLABS"), ("minimax", "MINIMAX")])
def test_a_voice_of_a_provider_without_a_key_is_told_the_key(
    client: GatewayClient, provider: str, setting: str
) -> None:
    answer = client.post(TTS, {"text": "Hello.", "voice_id": "21m00Tcm4TlvDq8ikWAM", "provider": provider})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "voice_not_found")
    assert f"VOXPORT_{setting}_API_KEY" in error_of(answer)["message"]
