"""Checks run in this order and the first failure is reported: key, shape, voice, the provider's voice, whether the
provider is up, its capabilities, money."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.contract import contract
from tests.support.fake_provider import FakeProviderEnv
from voxport.billing.advice import ASK_OPERATOR

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
AUDIO = "https://media.example.com/a.wav"


def speech(**changes: Any) -> dict[str, Any]:
    return {"text": "Hello.", "voice_id": "af_heart", "provider": "local", **changes}


# Faults of a request to core-tts in the order of the checks, each with the status of its error.
WRONGS: list[tuple[str, dict[str, Any], int]] = [
    ("shape", {"unknown": 1}, 422),
    ("text", {"text": " "}, 422),
    ("voice", {"voice_id": "nobody"}, 404),
    ("provider", {"provider": "elevenlabs"}, 400),
    ("alphabet", {"text": "Привет"}, 422),
]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        pytest.param(first, second, status, id=f"{name} before {later}")
        for position, (name, first, status) in enumerate(WRONGS)
        for later, second, _ in WRONGS[position + 1 :]
        if not (set(first) & set(second))
    ],
)
def test_of_two_mistakes_the_earlier_check_answers(
    client: GatewayClient, first: dict[str, Any], second: dict[str, Any], status: int
) -> None:
    poor = client.another_customer(credits="0")
    assert poor.post(TTS, speech(**first, **second)).status_code == status


@pytest.mark.parametrize(("wrong", "status"), [pytest.param(wrong, status, id=name) for name, wrong, status in WRONGS])
def test_every_mistake_is_told_before_a_lack_of_money(
    client: GatewayClient, wrong: dict[str, Any], status: int
) -> None:
    poor = client.another_customer(credits="0")
    assert poor.post(TTS, speech(**wrong)).status_code == status
    assert poor.post(TTS, speech()).status_code == 402


def test_a_bad_key_is_told_before_every_mistake(client: GatewayClient) -> None:
    for _, wrong, _ in WRONGS:
        assert client.http.post(TTS, json=speech(**wrong)).status_code == 401


def test_a_stock_voice_asked_for_at_another_provider_is_a_mismatch_that_names_the_right_one(
    client: GatewayClient,
) -> None:
    for provider in ("elevenlabs", "minimax"):
        answer = client.post(TTS, speech(provider=provider))
        assert answer.status_code == 400
        error = error_of(answer)
        assert error["code"] == "voice_provider_mismatch"
        assert "at local" in error["message"]
        assert error["details"] == {"providers": ["local"]}


def test_a_voice_that_is_nobodys_is_404_at_every_provider(client: GatewayClient) -> None:
    for provider in ("elevenlabs", "minimax", "local", None):
        answer = client.post(TTS, speech(voice_id="21m00Tcm4TlvDq8ikWAM", provider=provider))
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "voice_not_found"


@pytest.mark.parametrize("provider", ["elevenlabs", "minimax"])
@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_a_provider_that_is_not_configured_is_503_whatever_is_wrong_later(
    client: GatewayClient, path: str, provider: str
) -> None:
    poor = client.another_customer(credits="0")
    body: dict[str, Any] = {"audioUrl": "http://127.0.0.1/", "provider": provider}
    if path == INSTANT:
        body["text"] = "Привет"
    answer = poor.post(path, body)
    assert answer.status_code == 503
    error = error_of(answer)
    assert error["code"] == "provider_unavailable"
    assert provider in error["message"]


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_the_shape_is_told_before_the_provider(client: GatewayClient, path: str) -> None:
    answer = client.post(path, {"audio_url": AUDIO, "provider": "elevenlabs", "text": "Hi"})
    assert answer.status_code == 422


def test_an_instant_text_that_is_empty_or_too_long_is_told_before_the_provider(client: GatewayClient) -> None:
    for text in (" ", "a" * 5001):
        answer = client.post(INSTANT, {"audioUrl": AUDIO, "text": text, "provider": "elevenlabs"})
        assert answer.status_code == 422


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_a_provider_that_cannot_clone_says_so_before_money(fake_env: FakeProviderEnv, path: str) -> None:
    fake_env.provider.can_clone = False
    poor = open_client(fake_env.gateway, credits="0")
    body = {"audioUrl": AUDIO, "provider": "local", **({"text": "Hi"} if path == INSTANT else {})}
    answer = poor.post(path, body)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "provider_cannot_clone"


@pytest.mark.parametrize("path", [CLONE, INSTANT])
@pytest.mark.parametrize(
    ("url", "status"), [("http://127.0.0.1/a.wav", 400), ("{own}", 404)], ids=["address", "upload that is not there"]
)
def test_an_audio_url_that_cannot_work_is_told_before_money(
    client: GatewayClient, path: str, url: str, status: int
) -> None:
    poor = client.another_customer(credits="0")
    own = poor.upload_slot()["public_url"]
    body = {"audioUrl": url.format(own=own), "provider": "local", **({"text": "Hi"} if path == INSTANT else {})}
    assert poor.post(path, body).status_code == status


def test_without_credits_a_clone_is_402_in_the_shape_and_with_the_numbers_of_the_contract(
    client: GatewayClient,
) -> None:
    expected = contract("error.402.json")
    poor = client.another_customer(credits="1.25")
    answer = poor.post(CLONE, {"audioUrl": AUDIO, "provider": "local"})
    assert answer.status_code == 402
    body = answer.json()
    body["error"]["request_id"] = expected["error"]["request_id"]
    expected["error"]["message"] += f" {ASK_OPERATOR}"  # the advice follows the contract's sentence
    assert body == expected


@pytest.mark.parametrize(
    ("path", "body", "credits", "needed"),
    [
        (CLONE, {"audioUrl": AUDIO, "provider": "local"}, "4.999999", 5.0),
        (INSTANT, {"audioUrl": AUDIO, "text": "Hi", "provider": "local"}, "1.999999", 2.0),
        (TTS, speech(text="a" * 100), "0.349999", 0.35),
        (TTS, speech(text="Hi"), "0.029999", 0.03),
    ],
)
def test_a_402_names_what_is_missing_and_queues_and_holds_nothing(
    client: GatewayClient, path: str, body: dict[str, Any], credits: str, needed: float
) -> None:
    poor = client.another_customer(credits=credits)
    answer = poor.post(path, body)
    assert answer.status_code == 402
    error = error_of(answer)
    assert error["code"] == "insufficient_credits"
    assert error["details"] == {"needed": needed, "balance": float(credits)}
    assert f"needs {needed:.6f} tokens" in error["message"]
    assert f"balance is {credits}" in error["message"]
    assert poor.get("/v2/jobs").json()["data"] == []
    assert poor.balance()["held"] == 0
    assert [row["kind"] for row in poor.get("/v2/billing/ledger").json()["data"]] == ["credit"]
