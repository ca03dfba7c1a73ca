"""Options of speech: the language and the speed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from voxport.billing.verify import verify

TTS = "/v1/proxy/core-tts"
INSTANT = "/v1/proxy/core-instant-clone-tts"
BODY = {"text": "Hello there.", "voice_id": "hum"}


def held(customer: GatewayClient, fake_env: FakeProviderEnv, **fields: Any) -> float:
    """Return the tokens held during the call."""
    seen: list[float] = []
    fake_env.provider.on_piece = lambda _: seen.append(customer.balance()["held"])
    answer = customer.post(TTS, {**BODY, **fields})
    assert answer.status_code == 200, answer.text
    return seen[0]


def test_the_language_is_the_voices_own_until_another_is_asked_for(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    for fields in ({}, {"language": None}, {"language": "fr-fr"}, {"language": "FR-FR"}):
        assert customer.post(TTS, {**BODY, **fields}).status_code == 200
    assert [call.language for call in fake_env.provider.requests] == ["en-us", "en-us", "fr-fr", "fr-fr"]


@pytest.mark.parametrize("language", ["de", "english", "", "klingon", "en-us "])
def test_an_unknown_language_is_422_and_lists_what_is_spoken(customer: GatewayClient, language: str) -> None:
    answer = customer.post(TTS, {**BODY, "language": language})
    assert answer.status_code == 422
    error = error_of(answer)
    assert error["details"] == {"spoken": ["en-us", "en-gb", "fr-fr"]}
    assert "en-us, en-gb, fr-fr" in error["message"]
    assert answer.json()["detail"][0]["loc"] == ["body", "language"]
    assert customer.balance()["balance"] == 100


def test_an_alphabet_that_the_language_cannot_speak_is_422_and_lists_what_is_spoken(client: GatewayClient) -> None:
    """Uses the real provider's text check, which needs no engine."""
    for text, language in (("Привет, мир", None), ("Hello", "de"), ("नमस्ते", "it")):
        answer = client.post(TTS, {"text": text, "voice_id": "af_heart", "language": language})
        assert answer.status_code == 422
        assert "hi" in error_of(answer)["details"]["spoken"]


def test_the_speed_is_handed_on(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    for settings in ({}, None, {"speed": 0.5}, {"speed": 2}, {"speed": 1.25}):
        assert customer.post(TTS, {**BODY, "voice_settings": settings}).status_code == 200
    assert [call.settings for call in fake_env.provider.requests] == [{}, {}, *({"speed": s} for s in (0.5, 2.0, 1.25))]


def test_the_speed_of_an_instant_clone_is_handed_on(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    body = {"audioUrl": customer.upload()["public_url"], "text": "Hi", "voice_settings": {"speed": 1.5}}
    assert customer.post(INSTANT, body).status_code == 200
    assert fake_env.provider.requests[0].settings == {"speed": 1.5}


@pytest.mark.parametrize("speed", [0.49, 2.01, 0, -1, "1", None, True, 1e400])
@pytest.mark.parametrize("path", [TTS, INSTANT])
def test_a_speed_that_is_none_is_422(customer: GatewayClient, path: str, speed: Any) -> None:
    own = {"voice_id": "hum"} if path == TTS else {"audioUrl": "https://media.example.com/a.wav"}
    answer = customer.post_raw(path, json_bytes({"text": "Hi", **own, "voice_settings": {"speed": speed}}))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "voice_settings", "speed"]


@pytest.mark.parametrize("name", ["pitch", "use_speaker_boost"])
@pytest.mark.parametrize("path", [TTS, INSTANT])
def test_a_setting_that_there_is_not_is_an_unknown_field(customer: GatewayClient, path: str, name: str) -> None:
    own = {"voice_id": "hum"} if path == TTS else {"audioUrl": "https://media.example.com/a.wav"}
    answer = customer.post(path, {"text": "Hi", **own, "voice_settings": {name: 0.5}})
    assert answer.status_code == 422
    assert "Unknown field" in error_of(answer)["message"]


@pytest.mark.parametrize("path", [TTS, INSTANT])
def test_a_setting_that_the_provider_does_not_use_is_422_and_says_what_it_uses(
    customer: GatewayClient, fake_env: FakeProviderEnv, path: str
) -> None:
    fake_env.provider.settings = ()
    own = {"voice_id": "hum"} if path == TTS else {"audioUrl": "https://media.example.com/a.wav"}
    answer = customer.post(path, {"text": "Hi", **own, "voice_settings": {"speed": 1.0}})
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"used": []}
    assert customer.post(TTS, {**BODY, "voice_settings": {}}).status_code == 200


def test_the_hold_counts_with_the_speed(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    text = "a" * 100  # 35 s at most, at its own speed
    assert held(customer, fake_env, text=text) == 0.35
    assert held(customer, fake_env, text=text, voice_settings={"speed": 0.5}) == 0.7
    assert held(customer, fake_env, text=text, voice_settings={"speed": 2}) == 0.175
    assert customer.balance()["held"] == 0
    assert verify(customer.gateway.database) == []


def json_bytes(body: dict[str, Any]) -> bytes:
    """Serialize as a client may write it, including infinity as 1e400."""
    return json.dumps(body).replace("Infinity", "1e400").encode()
