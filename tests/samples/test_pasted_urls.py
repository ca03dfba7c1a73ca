"""URLs as they are pasted, with spaces and line breaks around them."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of

CLONE = "/v1/proxy/core-voice-clone"
AROUND = [" ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff", "\u2028", "\u3000 \n"]


@pytest.mark.parametrize("blank", AROUND)
def test_what_stands_around_a_url_is_nothing(client: GatewayClient, blank: str) -> None:
    url = client.upload()["public_url"]
    for pasted in (blank + url, url + blank, blank + url + blank):
        assert client.post(CLONE, {"audioUrl": pasted, "provider": "local"}).status_code == 202


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\u00a0", "\u200b"])
def test_a_blank_inside_of_a_url_is_refused(client: GatewayClient, blank: str) -> None:
    url = f"https://exa{blank}mple.com/a.wav"
    answer = client.post(CLONE, {"audioUrl": url, "provider": "local"})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "audio_url_unusable")


@pytest.mark.parametrize("url", ["", " ", "\n\u200b"])
def test_nothing_but_blanks_is_no_url(client: GatewayClient, url: str) -> None:
    answer = client.post(CLONE, {"audioUrl": url, "provider": "local"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "audioUrl"]


def test_a_webhook_url_is_trimmed_too(client: GatewayClient) -> None:
    body = {
        "audioUrl": client.upload()["public_url"],
        "provider": "local",
        "webhook_url": " https://example.com/hook\n",
    }
    assert client.post(CLONE, body).status_code == 202
