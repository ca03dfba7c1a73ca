"""A webhook_url that may not be called is refused with the request, and nothing is queued."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.webhooks.conftest import AUDIO, CLONE

TTS = "/v1/proxy/core-tts"
SPEECH = {"text": "Hello.", "voice_id": "af_heart", "provider": "local"}
LATER = {"Prefer": "respond-async"}
GOOD = "https://hooks.example.com/voxport?token=1"
LOOPBACK = "http://127.0.0.1/hook"
# URLs, and the host that the operator can allow for each: None where it can't be the operator's server.
FORBIDDEN = {
    LOOPBACK: "127.0.0.1",
    "http://127.0.0.1:9000/hook": "127.0.0.1:9000",
    "http://192.168.1.20/hook": "192.168.1.20",
    "http://[::1]/hook": "[::1]",
    "http://[fd12::1]:8080/hook": "[fd12::1]:8080",
    "http://2130706433/": "2130706433",
    "https://localhost/hook": "localhost",
    "https://hooks.internal/hook": "hooks.internal",
    "http://169.254.169.254/latest/meta-data": None,
    "http://2852039166/latest/meta-data": None,
    "http://[::ffff:169.254.169.254]/latest/meta-data": None,
    "http://[fd00:ec2::254]/latest/meta-data": None,
    "http://metadata.google.internal/computeMetadata/v1/": None,
    "http://100.100.100.200/latest/meta-data": None,
    "http://0.0.0.0/hook": None,
    "https://user:word@hooks.example.com/": None,
    "https://user:word@127.0.0.1/": None,
    "https://hooks.example.com:8443/": None,
    "ftp://hooks.example.com/": None,
    "file:///etc/passwd": None,
    "not a url": None,
    "https://hooks.example.com/\r\nHost: inside": None,
}


def refused(client: GatewayClient, answer: Any, private_host: str | None) -> None:
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert error["code"] == "webhook_url_unusable"
    message = "The webhook_url can't be called. Give a public http(s) URL on port 80 or 443."
    if private_host is not None:
        message += (
            f" {private_host} is on this machine or in a private network. To try it there, the operator sets "
            f"VOXPORT_PRIVATE_HOSTS={private_host} and starts the gateway and its worker again."
        )
    assert error["message"] == message
    assert error["details"] == {}
    assert client.get("/v2/jobs").json()["data"] == []
    assert client.balance()["held"] == 0


@pytest.mark.parametrize(("url", "private_host"), FORBIDDEN.items())
def test_a_url_that_may_not_be_called_is_refused_before_anything_is_held(
    client: GatewayClient, url: str, private_host: str | None
) -> None:
    refused(client, client.post(CLONE, {**AUDIO, "webhook_url": url}), private_host)
    refused(client, client.post(TTS, {**SPEECH, "webhook_url": url}, headers=LATER), private_host)
    refused(client, client.put_json("/v2/billing/alert", {"below": 1, "webhook_url": url}), private_host)


def test_it_is_looked_at_before_the_money_and_after_the_recording(client: GatewayClient) -> None:
    poor = client.another_customer(credits="0")
    assert poor.post(CLONE, {**AUDIO, "webhook_url": LOOPBACK}).status_code == 400
    assert poor.post(CLONE, {**AUDIO, "webhook_url": GOOD}).status_code == 402
    both = client.post(CLONE, {"audioUrl": "http://127.0.0.1/a.wav", "provider": "local", "webhook_url": LOOPBACK})
    assert error_of(both)["code"] == "audio_url_unusable"


@pytest.mark.parametrize("url", ["", "https://hooks.example.com/" + "x" * 2048, 1, ["https://hooks.example.com/"]])
def test_what_is_no_url_at_all_is_a_422(client: GatewayClient, url: Any) -> None:
    answer = client.post(CLONE, {**AUDIO, "webhook_url": url})
    assert answer.status_code == 422
    assert "webhook_url" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("fields", "headers", "field"),
    [
        ({}, {}, "webhook_url"),
        ({"stream": True}, {}, "webhook_url"),
        ({"stream": True}, LATER, "stream"),
    ],
)
def test_core_tts_takes_it_for_a_job_only(
    client: GatewayClient, fields: dict[str, Any], headers: dict[str, str], field: str
) -> None:
    answer = client.post(TTS, {**SPEECH, **fields, "webhook_url": GOOD}, headers=headers)
    assert answer.status_code == 422
    error = error_of(answer)
    assert "respond-async" in error["message"]
    assert answer.json()["detail"][0]["loc"] == ["body", field]
    assert client.balance()["held"] == 0


def test_a_job_of_each_kind_takes_it(client: GatewayClient) -> None:
    assert client.post(CLONE, {**AUDIO, "webhook_url": GOOD}).status_code == 202
    assert client.post(TTS, {**SPEECH, "webhook_url": GOOD}, headers=LATER).status_code == 202
    # A binding checks the voice first.
    answer = client.post("/v1/voices/nobody/bindings", {"provider": "local", "webhook_url": GOOD})
    assert error_of(answer)["code"] == "voice_not_found"


def test_the_url_is_in_no_answer_but_the_log_of_deliveries(client: GatewayClient) -> None:
    job_id = client.post(CLONE, {**AUDIO, "webhook_url": GOOD}).json()["job"]["id"]
    assert "hooks.example.com" not in client.get(f"/v2/jobs/{job_id}").text
    client.post(f"/v2/jobs/{job_id}/cancel")
    assert client.get("/v2/webhooks/deliveries").json()["data"][0]["url"] == GOOD
