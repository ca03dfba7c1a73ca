"""How a text will be read, by the real planner of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from voxport.engine import Engine
from voxport.engine.kokoro.document_planner import plan_document
from voxport.text.ipa import ipa_symbols, symbols_ipa
from voxport.text.phonemes import vocabulary
from voxport.text.ssml.parser import parse_ssml

PREVIEW = "/v1/text/preview"
VOICE = {"voice_id": "af_heart", "provider": "local"}


def preview(client: GatewayClient, text: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(PREVIEW, {**VOICE, "text": text, **fields})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.mark.slow
def test_a_preview_says_words_and_sounds_and_costs_nothing(client: GatewayClient) -> None:
    before = client.balance()
    data = preview(client, "Dr. Ng paid $3.50 at 7:30. It was late")
    assert [one["text"] for one in data["sentences"]] == ["Dr. Ng paid $3.50 at 7:30.", "It was late"]
    assert "doctor" in data["sentences"][0]["spoken"].lower()
    assert "three dollars" in data["sentences"][0]["spoken"]
    assert data["spoken"].split("\n") == [one["spoken"] for one in data["sentences"]]
    assert data["sentences"][1]["phonemes"] == "ɪt wʌz lˈeɪt"
    assert (data["provider"], data["language"]) == ("local", "en-us")
    estimate = client.post("/v1/estimate", {**VOICE, "text": "Dr. Ng paid $3.50 at 7:30. It was late"}).json()["data"]
    assert data["estimate"] == estimate
    assert client.balance() == before
    assert client.get("/v2/billing/ledger").json()["data"][0]["kind"] == "credit"


@pytest.mark.slow
def test_markup_and_dictionaries_are_read_as_they_will_be_spoken(client: GatewayClient) -> None:
    rules = {"name": "Names", "language": "en", "rules": [{"match": "Nguyen", "ipa": "wˈɪn"}]}
    made = client.post("/v1/pronunciations", rules).json()["data"]
    data = preview(
        client,
        '<p>Nguyen reads <sub alias="World Wide Web">WWW</sub>.</p><break time="1s"/>'
        '<say-as interpret-as="characters">ABC</say-as>',
        markup="ssml",
        pronunciations=[made["id"]],
    )
    first, second = data["sentences"]
    assert (first["text"], first["spoken"]) == ("Nguyen reads WWW.", "Nguyen reads World Wide Web.")
    assert first["phonemes"].startswith("wˈɪn ")
    assert second["text"] == "ABC"
    assert data["pronunciations"] == [{"id": made["id"], "version": 1}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-us", "Which judge bought the little boat? Eight boys enjoyed it now."),
        ("en-gb", "There go both of them, near the pure water."),
        ("es", "Mucho calor hoy; ya llueve."),
        ("fr-fr", "Un bon vin blanc, s'il vous plaît."),
        ("it", "La pizza è già pronta, ragazzi."),
        ("pt-br", "Não há pão hoje de manhã."),
        ("hi", "यह अच्छा है।"),
    ],
)
def test_the_sounds_of_a_preview_can_be_sent_back_as_ipa(engine: Engine, language: str, text: str) -> None:
    for sentence in engine.read(text, language):
        assert sentence.phonemes is not None
        for word in sentence.phonemes.split():
            assert ipa_symbols(word.strip(';:,.!?…—“”"()'), language)


@pytest.mark.slow
def test_a_preview_has_the_sounds_that_are_spoken(engine: Engine) -> None:
    text = "<p>One of <emphasis>those boats</emphasis> left.</p><p>Nobody came back</p>"
    document = parse_ssml(text, language="en-us", languages=lambda code: code)
    chunks = list(plan_document(document, "en-us", engine._phonemizer))
    read = engine.read(text, "en-us", document=document)
    symbols = {token: symbol for symbol, token in vocabulary().items()}
    planned = ["".join(symbols[token] for token in chunk.tokens) for chunk in chunks]
    assert [one.phonemes for one in read] == [symbols_ipa(one) for one in planned]


def test_a_hosted_providers_preview_is_what_it_is_sent(customer: GatewayClient) -> None:
    answer = customer.post(PREVIEW, {"text": "Hello there. It is\n\n7:30.", "voice_id": "hum"})
    data = answer.json()["data"]
    assert data["phonemes"] is None
    assert [one["spoken"] for one in data["sentences"]] == ["Hello there.", "It is", "7:30."]
    assert all(one["phonemes"] is None for one in data["sentences"])


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"text": "x" * 5001}, ["body", "text"]),
        ({"text": " "}, ["body", "text"]),
        ({"text": "<x/>", "markup": "ssml"}, ["body", "text"]),
        ({"pronunciations": ["pron_x"]}, ["body", "pronunciations"]),
        ({"output_format": "mp3"}, ["body", "output_format"]),
        ({"stream": True}, ["body", "stream"]),
    ],
)
def test_what_core_tts_refuses_is_refused(client: GatewayClient, fields: dict[str, Any], place: list[str]) -> None:
    answer = client.post(PREVIEW, {**VOICE, "text": "Hi.", **fields})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place
    assert "respond-async" not in error_of(answer)["message"]


def test_a_preview_needs_a_key_and_a_voice(client: GatewayClient) -> None:
    assert client.http.post(PREVIEW, json={**VOICE, "text": "Hi."}).status_code == 401
    assert client.post(PREVIEW, {"text": "Hi.", "voice_id": "nobody"}).status_code == 404
