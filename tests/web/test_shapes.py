"""Requests of the wrong shape get a 422 with a list of the mistakes, and cost nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.contract import contract

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
TTS = "/v1/proxy/core-tts"
UPLOAD = "/v1/proxy/upload-media"
AUDIO = "https://media.example.com/speaker.wav"

GOOD: dict[str, dict[str, Any]] = {
    CLONE: {"audioUrl": AUDIO, "provider": "local"},
    INSTANT: {"audioUrl": AUDIO, "text": "Hello.", "provider": "local"},
    TTS: {"text": "Hello.", "voice_id": "af_heart", "provider": "local"},
    UPLOAD: {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"},
}


def untouched(client: GatewayClient) -> None:
    """Asserts that nothing was held, charged or queued."""
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert client.get("/v2/jobs").json()["data"] == []


def refused(client: GatewayClient, path: str, body: Any) -> dict[str, Any]:
    """Asserts a 422 that changed nothing, and returns its error."""
    answer = client.post(path, body)
    assert answer.status_code == 422, answer.text
    error = error_of(answer)
    assert error["code"] == "validation_failed"
    for item in answer.json()["detail"]:
        assert {"type", "loc", "msg", "input"} == set(item)
    untouched(client)
    return error


def test_audio_url_in_snake_case_is_named_exactly_as_the_contract_has_it(client: GatewayClient) -> None:
    expected = contract("error.422.audio_url.json")
    answer = client.post(CLONE, {"audio_url": "https://s3.example.com/a.wav"})
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"].pop("request_id").startswith("req_")
    expected["error"].pop("request_id")
    missing = next(item for item in body["detail"] if item["type"] == "missing")
    assert set(missing) == set(expected["detail"][0])
    missing["input"] = {}  # FastAPI puts the whole body there; the contract's example does not
    assert body == expected


@pytest.mark.parametrize("path", [CLONE, INSTANT])
@pytest.mark.parametrize(
    "name", ["audio_url", "audiourl", "AudioUrl", "audioURL", "audio-url", "audio_Url", "audioUri"]
)
def test_a_near_miss_of_audio_url_names_the_right_field(client: GatewayClient, path: str, name: str) -> None:
    body = {**GOOD[path], name: AUDIO}
    del body["audioUrl"]
    assert refused(client, path, body)["message"] == f"Unknown field `{name}`: did you mean `audioUrl`?"


@pytest.mark.parametrize(
    ("name", "right"), [("voiceId", "voice_id"), ("Text", "text"), ("outputFormat", "output_format")]
)
def test_near_misses_of_other_fields_are_named_too(client: GatewayClient, name: str, right: str) -> None:
    assert f"did you mean `{right}`?" in refused(client, TTS, {**GOOD[TTS], name: "x"})["message"]


@pytest.mark.parametrize("path", list(GOOD))
def test_a_field_that_is_like_no_other_is_refused_without_a_guess(client: GatewayClient, path: str) -> None:
    message = refused(client, path, {**GOOD[path], "zzz": 1})["message"]
    assert "`zzz`" in message
    assert "did you mean" not in message


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (TTS, "consent", {"granted": True, "speaker": "me"}),
        (INSTANT, "language", "en-us"),
        (INSTANT, "stream", True),
    ],
)
def test_a_field_of_a_later_part_is_unknown_and_not_ignored(
    client: GatewayClient, path: str, field: str, value: Any
) -> None:
    message = refused(client, path, {**GOOD[path], field: value})["message"]
    assert f"`{field}`" in message
    assert "did you mean" not in message


@pytest.mark.parametrize("path", [CLONE, INSTANT, TTS])
@pytest.mark.parametrize("provider", ["openai", "", "LOCAL", "local ", 1, ["local"], {"name": "local"}])
def test_an_unknown_provider_is_refused(client: GatewayClient, path: str, provider: Any) -> None:
    assert "provider" in refused(client, path, {**GOOD[path], "provider": provider})["message"]


@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, body in GOOD.items() for field in body if field != "provider"],
)
def test_a_missing_field_is_named(client: GatewayClient, path: str, field: str) -> None:
    body = {name: value for name, value in GOOD[path].items() if name != field}
    assert f"`{field}`" in refused(client, path, body)["message"]


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["text"]], ids=repr)
@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, body in GOOD.items() for field in body if field != "provider"],
)
def test_no_value_of_another_type_is_bent_to_text(client: GatewayClient, path: str, field: str, value: Any) -> None:
    assert f"`{field}`" in refused(client, path, {**GOOD[path], field: value})["message"]


@pytest.mark.parametrize("value", ["1", 1.5, True, 0, -1, [], {}, 10**30], ids=repr)
def test_a_size_is_a_whole_number_above_zero(client: GatewayClient, value: Any) -> None:
    answer = client.request_upload(size_bytes=value)
    # A number above every limit may be reported as too large instead.
    assert answer.status_code == 422 or (value == 10**30 and answer.status_code == 413), answer.text


@pytest.mark.parametrize("body", [None, [], [GOOD[TTS]], "text", 1, True, 1.5], ids=repr)
def test_a_body_that_is_no_object_is_refused(client: GatewayClient, body: Any) -> None:
    refused(client, TTS, body)


INVALID_JSON = [
    b"",
    b"{",
    b"{'text': 'x'}",
    b'{"text": "x",}',
    b'{"text": "x"} trailing',
    b"\xff\xfe\x00",
    b'{"text": "\xff"}',
    b"\x00",
    b"text=x&voice_id=y",
    b'{"text": "line\nbreak"}',
]


@pytest.mark.parametrize("body", INVALID_JSON, ids=repr)
def test_invalid_json_is_a_clear_error_of_the_callers(client: GatewayClient, body: bytes) -> None:
    answer = client.post_raw(TTS, body)
    assert answer.status_code in (400, 422), answer.text
    error_of(answer)
    untouched(client)


DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"text":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * DEEP,
        b'{"text":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=["arrays", "arrays in a field", "objects", "never closed", "deep but readable"],
)
def test_deep_json_is_refused_and_breaks_nothing(client: GatewayClient, body: bytes) -> None:
    answer = client.post_raw(TTS, body)
    assert answer.status_code in (400, 422), answer.text
    error_of(answer)
    untouched(client)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, "1" * 400, "-0"])
@pytest.mark.parametrize(("path", "field"), [(TTS, "text"), (UPLOAD, "size_bytes")])
def test_numbers_that_json_has_not_are_refused(client: GatewayClient, path: str, field: str, number: str) -> None:
    body = json.dumps({**GOOD[path], field: "HERE"}).replace('"HERE"', number)
    answer = client.post_raw(path, body.encode())
    assert answer.status_code in (400, 413, 422), answer.text
    json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"the answer holds {name}"))
    error_of(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TTS, {**GOOD[TTS], "text": "half a \ud83d smile"}),
        (TTS, {**GOOD[TTS], "voice_id": "\udfff"}),
        (TTS, {**GOOD[TTS], "provider": "\ud800"}),
        (TTS, {**GOOD[TTS], "folder_id": "\ud800"}),
        (TTS, {**GOOD[TTS], "\ud800": 1}),
        (TTS, {**GOOD[TTS], "text": {"\ud800": "\udfff"}}),
        (UPLOAD, {**GOOD[UPLOAD], "filename": "\ud800.wav"}),
        (UPLOAD, {**GOOD[UPLOAD], "content_type": "audio/\ud800"}),
        (CLONE, {**GOOD[CLONE], "audioUrl": "https://example.com/\ud800"}),
        (CLONE, {**GOOD[CLONE], "name": "\ud800"}),
    ],
    ids=["text", "voice", "provider", "label", "field name", "nested", "file name", "type", "address", "name"],
)
def test_half_a_surrogate_pair_is_refused(client: GatewayClient, path: str, body: dict[str, Any]) -> None:
    answer = client.post_raw(path, json.dumps(body).encode("ascii"))
    assert answer.status_code == 422, answer.text
    error_of(answer)
    answer.content.decode("utf-8")
    untouched(client)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_json_under_another_content_type_is_not_a_500(client: GatewayClient, content_type: str) -> None:
    answer = client.post_raw(TTS, json.dumps(GOOD[TTS]).encode(), content_type)
    assert answer.status_code in (400, 415, 422), answer.text
    error_of(answer)
    untouched(client)


def test_what_was_sent_comes_back_only_in_short(client: GatewayClient) -> None:
    answer = client.post(TTS, {**GOOD[TTS], "x" * 50_000: "y" * 50_000})
    assert answer.status_code == 422
    assert len(answer.content) < 60_000
    assert "y" * 1000 not in answer.text


@pytest.mark.parametrize("path", [TTS, INSTANT])
@pytest.mark.parametrize(
    "text", ["", " ", "\n\t \r\n", "\u2003\u00a0\u3000"], ids=["none", "blank", "lines", "unicode"]
)
def test_an_empty_text_is_refused(client: GatewayClient, path: str, text: str) -> None:
    assert "empty" in refused(client, path, {**GOOD[path], "text": text})["message"]


@pytest.mark.parametrize("path", [TTS, INSTANT])
@pytest.mark.parametrize("length", [5_001, 100_000])
def test_a_text_over_5000_characters_is_refused_and_says_how_long_it_is(
    client: GatewayClient, path: str, length: int
) -> None:
    error = refused(client, path, {**GOOD[path], "text": "ab, " * (length // 4) + "x" * (length % 4)})
    assert f"{length:,}" in error["message"]
    assert "5,000" in error["message"]
    assert error["details"] == {"limit": 5000, "length": length}


@pytest.mark.parametrize(
    "text", ["a" * 5_000, "ä" * 5_000, ("Good 😀 day. " * 500)[:5_000]], ids=["ascii", "umlauts", "emoji"]
)
@pytest.mark.parametrize("path", [TTS, INSTANT])
def test_a_text_of_exactly_5000_characters_is_taken(client: GatewayClient, path: str, text: str) -> None:
    poor = client.another_customer(credits="0")
    # Money is checked last, so a 402 means that all other checks passed.
    assert poor.post(path, {**GOOD[path], "text": text}).status_code == 402


def test_the_limit_of_a_text_is_the_catalogues(make_short: GatewayClient) -> None:
    assert make_short.post(TTS, {**GOOD[TTS], "text": "a" * 11}).status_code == 422
    assert make_short.another_customer(credits="0").post(TTS, {**GOOD[TTS], "text": "a" * 10}).status_code == 402


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("Привет, как дела?", "Cyrillic"),
        ("今天天气很好", "Cjk"),
        ("こんにちは", "Hiragana"),
        ("مرحبا بالعالم", "Arabic"),
        ("नमस्ते दुनिया", "Devanagari"),
        ("Γειά σου Κόσμε", "Greek"),
    ],
)
@pytest.mark.parametrize("path", [TTS, INSTANT])
def test_an_alphabet_that_the_voice_cannot_speak_is_told_with_what_is_spoken(
    client: GatewayClient, path: str, text: str, alphabet: str
) -> None:
    error = refused(client, path, {**GOOD[path], "text": text})
    assert alphabet in error["message"]
    assert "en-us" in error["message"]
    assert "pt-br" in error["message"]
    assert "en-us" in error["details"]["spoken"]


@pytest.mark.parametrize(
    "text", ["...", "😀😀", "\u200b\u200b", "\x00\x01", "-"], ids=["dots", "emoji", "zero width", "controls", "dash"]
)
def test_a_text_without_anything_to_say_is_refused(client: GatewayClient, text: str) -> None:
    refused(client, TTS, {**GOOD[TTS], "text": text})


def test_a_hindi_voice_speaks_devanagari(client: GatewayClient) -> None:
    poor = client.another_customer(credits="0")
    answer = poor.post(TTS, {"text": "नमस्ते दुनिया", "voice_id": "hf_alpha", "provider": "local"})
    assert answer.status_code == 402, answer.text


@pytest.mark.parametrize("output_format", ["opus", "MP3", "", "wav ", 1, "m4a"])
def test_an_unknown_output_format_is_refused(client: GatewayClient, output_format: Any) -> None:
    assert "output_format" in refused(client, TTS, {**GOOD[TTS], "output_format": output_format})["message"]


@pytest.mark.parametrize(
    ("path", "field", "length"),
    [(CLONE, "name", 201), (CLONE, "description", 1001), (TTS, "folder_id", 201), (TTS, "voice_id", 129)],
)
def test_a_label_that_is_too_long_is_refused(client: GatewayClient, path: str, field: str, length: int) -> None:
    assert f"`{field}`" in refused(client, path, {**GOOD[path], field: "x" * length})["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/jobs?limit=0",
        "/v2/jobs?limit=201",
        "/v2/jobs?limit=many",
        "/v2/jobs?status=done",
        "/v2/jobs?service=nonsense",
        "/v2/jobs?cursor=",
        "/v2/jobs?cursor=abc",
        "/v2/jobs?cursor=%F0%9F%98%80",
        "/v2/jobs?cursor=%00",
        "/v2/jobs?cursor=LTE",
        "/v2/jobs?cursor=" + "MTEx" * 15,
        "/v2/jobs?cursor=" + "x" * 65,
        "/v2/billing/ledger?limit=-1",
        "/v2/billing/ledger?cursor=!!!!",
        "/v1/proxy/core-tts-voices?provider=openai",
        "/v1/proxy/core-tts-voices?cloned=perhaps",
        "/v1/proxy/core-tts-voices?language=" + "x" * 17,
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client: GatewayClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422, answer.text
    assert error_of(answer)["code"] == "validation_failed"
