"""The error for an unknown name suggests the name that was most likely meant."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of

TTS, CLONE = "/v1/proxy/core-tts", "/v1/proxy/core-voice-clone"
INSTANT, UPLOAD = "/v1/proxy/core-instant-clone-tts", "/v1/proxy/upload-media"


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        *((TTS, name, "voice_settings.speed") for name in ("speed", "Speed", "rate", "speaking_rate")),
        *((TTS, name, "output_format") for name in ("format", "response_format", "responseFormat", "output-format")),
        *((TTS, name, "voice_id") for name in ("voice", "voiceId", "voiceID", "voice_name", "speaker_id", "voic_id")),
        *((TTS, name, "text") for name in ("input", "TEXT", "content", "prompt", "txt", "test")),
        *((TTS, name, "language") for name in ("lang", "locale", "language_code", "langauge")),
        *((TTS, name, "webhook_url") for name in ("webhook", "callback_url", "callbackUrl", "webhookUrl", "url")),
        *((TTS, name, "provider") for name in ("model", "model_id", "engine", "providr")),
        (TTS, "stability", "voice_settings.stability"),
        (TTS, "similarityBoost", "voice_settings.similarity_boost"),
        (TTS, "voiceSettings", "voice_settings"),
        *((CLONE, name, "audioUrl") for name in ("audio_url", "url", "file", "public_url", "sample", "audioUrls")),
        *((INSTANT, name, "audioUrl") for name in ("audio", "source_url", "upload_url")),
        (CLONE, "callback", "webhook_url"),
        (CLONE, "granted", "consent.granted"),
        (INSTANT, "speed", "voice_settings.speed"),
        (UPLOAD, "mime_type", "content_type"),
        (UPLOAD, "fileName", "filename"),
        (UPLOAD, "size", "size_bytes"),
    ],
)
def test_a_wrong_field_is_told_the_right_one(client: GatewayClient, path: str, wrong: str, right: str) -> None:
    answer = client.post(path, {wrong: "x"})
    assert answer.status_code == 422
    assert error_of(answer)["message"] == f"Unknown field `{wrong}`: did you mean `{right}`?"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("sped", "voice_settings.speed"), ("output_format", "output_format"), ("rate", "voice_settings.speed")],
)
def test_a_wrong_field_of_an_inner_object_is_told_the_right_one(client: GatewayClient, wrong: str, right: str) -> None:
    answer = client.post(TTS, {"text": "x", "voice_id": "x", "voice_settings": {wrong: 1}})
    assert f"Unknown field `voice_settings.{wrong}`: did you mean `{right}`?" in error_of(answer)["message"]


@pytest.mark.parametrize("wrong", ["zzz", "", "🎉", "a" * 5000, "consent", ".", "voice_settings.", "\ud800"])
def test_a_field_that_is_like_none_is_told_nothing(client: GatewayClient, wrong: str) -> None:
    import json

    answer = client.post_raw(TTS, json.dumps({"text": "x", "voice_id": "x", wrong: 1}).encode())
    assert answer.status_code == 422
    assert wrong == "voice_settings." or "did you mean" not in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("/v1/core-tts", "/v1/proxy/core-tts"),
        ("/core-tts", "/v1/proxy/core-tts"),
        ("/v1/proxy/core-tts/", "/v1/proxy/core-tts"),
        ("/v1/proxy/core_tts", "/v1/proxy/core-tts"),
        ("/V1/Proxy/Core-TTS", "/v1/proxy/core-tts"),
        ("/api/v1/upload-media", "/v1/proxy/upload-media"),
        ("/v2/proxy/core-voice-clone", "/v1/proxy/core-voice-clone"),
        ("/v1/proxy/core-voice-clon", "/v1/proxy/core-voice-clone"),
        ("/v1/jobs/550e8400", "/v2/jobs/{job_id}"),
        ("/jobs", "/v2/jobs"),
        ("/v1/balance", "/v2/billing/balance"),
        ("/v1/billing/balance", "/v2/billing/balance"),
        ("/v2/jobs/", "/v2/jobs"),
        ("/v1/proxy/estimate", "/v1/estimate"),
    ],
)
def test_a_wrong_path_is_told_the_near_one(client: GatewayClient, wrong: str, right: str) -> None:
    answer = client.get(wrong)
    assert answer.status_code == 404
    assert f"did you mean `{right}`?" in error_of(answer)["message"]
    assert "/docs" in error_of(answer)["message"]


@pytest.mark.parametrize("wrong", ["/v1", "/v3", "/wp-login.php", "/" + "a/" * 2000, "/%00", "/v1/proxy", "/.env"])
def test_a_path_that_is_like_none_is_told_where_all_are(client: GatewayClient, wrong: str) -> None:
    answer = client.get(wrong)
    assert answer.status_code in (404, 414)
    assert "did you mean" not in error_of(answer)["message"]


def test_a_wrong_method_is_told_the_right_ones(client: GatewayClient) -> None:
    assert "it takes POST." in error_of(client.get(TTS))["message"]


@pytest.mark.parametrize(
    ("header", "advice"),
    [("{key}", "without `Bearer`"), ("Token {key}", "without `Bearer`"), ("Bearer ", "behind `Bearer`"), ("x", "Send")],
)
def test_a_key_in_a_wrong_form_is_told_the_right_one(client: GatewayClient, header: str, advice: str) -> None:
    answer = client.http.get("/v2/jobs", headers={"Authorization": header.format(key=client.key)})
    assert answer.status_code == 401
    message = error_of(answer)["message"]
    assert advice in message
    assert client.key not in message
