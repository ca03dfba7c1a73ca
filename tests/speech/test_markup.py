"""Markup and timestamps of core-tts, with the real engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from tests.support.jobs import work
from voxport.billing.verify import verify
from voxport.text.normalise import normalise_text

TTS = "/v1/proxy/core-tts"
VOICE = {"voice_id": "af_heart", "provider": "local", "output_format": "wav"}


def spoken(client: GatewayClient, text: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(TTS, {**VOICE, "text": text, **fields})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.mark.slow
def test_a_pause_is_heard_and_charged(client: GatewayClient) -> None:
    before = verify(client.gateway.database)  # other tests share the gateway
    without = spoken(client, "One. Two.", markup="ssml")
    with_pause = spoken(client, 'One. <break time="3s"/> Two.', markup="ssml")
    assert with_pause["duration_seconds"] - without["duration_seconds"] == pytest.approx(3, abs=0.4)
    assert verify(client.gateway.database) == before


@pytest.mark.slow
def test_words_are_timed_in_seconds_of_the_file_and_characters_of_the_text(client: GatewayClient) -> None:
    text = 'At 7:30 we left. <break time="2s"/>Nobody &amp; nothing came.'
    data = spoken(client, text, markup="ssml", timestamps="word")
    stamps = data["timestamps"]
    assert [one["text"] for one in stamps] == ["At", "7:30", "we", "left", "Nobody", "nothing", "came"]
    assert all(text[one["start_char"] : one["end_char"]] == one["text"] for one in stamps)
    times = [moment for one in stamps for moment in (one["start"], one["end"])]
    assert times == sorted(times)
    assert stamps[4]["start"] - stamps[3]["end"] == pytest.approx(2, abs=0.4)
    assert data["duration_seconds"] - times[-1] < 0.5


@pytest.mark.slow
def test_sentences_are_timed_and_a_job_tells_the_same(client: GatewayClient) -> None:
    text = "“Is it late?” It is, said 3 of them. Good night!"
    fields = {"timestamps": "sentence"}
    stamps = spoken(client, text, **fields)["timestamps"]
    assert [one["text"] for one in stamps] == ["“Is it late?”", "It is, said 3 of them.", "Good night!"]
    body = {**VOICE, "text": text, **fields}
    job_id = client.post(TTS, body, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    work(client, job_id)
    assert client.get(f"/v2/jobs/{job_id}").json()["result_data"]["timestamps"] == stamps


@pytest.mark.slow
def test_another_voice_speaks_its_part(client: GatewayClient) -> None:
    text = 'Hello. <voice name="am_michael">Good morning.</voice>'
    assert spoken(client, text, markup="ssml")["duration_seconds"] > 1


def test_a_voice_that_is_not_there_is_refused_with_its_name(client: GatewayClient) -> None:
    answer = client.post(TTS, {**VOICE, "text": '<voice name="nobody">Hi.</voice>', "markup": "ssml"})
    assert answer.status_code == 422
    assert "nobody" in error_of(answer)["message"]


def test_markup_that_is_wrong_is_refused_with_its_position_and_costs_nothing(client: GatewayClient) -> None:
    before = client.balance()
    answer = client.post(TTS, {**VOICE, "text": "One\ntwo <audio/>", "markup": "ssml"})
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"position": 8, "line": 2, "column": 5}
    assert answer.json()["detail"][0]["loc"] == ["body", "text"]
    assert client.balance() == before


def test_an_estimate_counts_the_pauses_and_not_the_tags(client: GatewayClient) -> None:
    def units(text: str, markup: str) -> float:
        answer = client.post("/v1/estimate", {**VOICE, "text": text, "markup": markup})
        found: float = answer.json()["data"]["units"]
        return found

    plain = units("Hello there.", "none")
    assert units('<emphasis level="none">Hello there.</emphasis>', "ssml") == plain
    assert units('Hello there.<break time="5s"/>', "ssml") == pytest.approx(plain + 5)
    assert units('<prosody rate="200%">Hello there.</prosody>', "ssml") < plain


def test_a_stream_has_no_timestamps(client: GatewayClient) -> None:
    answer = client.post(TTS, {**VOICE, "text": "Hi.", "stream": True, "timestamps": "word"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "timestamps"]


def test_a_provider_that_takes_no_markup_or_knows_no_times_says_so(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    for fields in ({"markup": "ssml"}, {"timestamps": "word"}):
        answer = customer.post(TTS, {"text": "Hello.", "voice_id": "hum", **fields})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", next(iter(fields))]
    assert fake_env.provider.requests == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>bold</b>", "(<b>)"),
        ('Wait. <break time="1s"/> Go.', '(<break time="1s"/>)'),
        ("Tom &amp; Jerry", "(&amp;)"),
        ("<!-- no --> words", "(<!--)"),
        ("<pause>now</pause>", "(<pause>)"),
    ],
)
def test_text_that_looks_like_markup_is_text_with_a_warning(client: GatewayClient, text: str, shown: str) -> None:
    (warning,) = client.post("/v1/estimate", {**VOICE, "text": text}).json()["data"]["warnings"]
    assert shown in warning
    assert '"markup": "ssml"' in warning


@pytest.mark.parametrize("text", ["a < b", "I <3 you, List<String>", "Press <Enter>", "R&D; <ana@example.org>"])
def test_a_less_than_sign_is_no_markup(client: GatewayClient, text: str) -> None:
    answer = client.post("/v1/estimate", {**VOICE, "text": text}).json()["data"]
    assert "warnings" not in answer


def test_a_less_than_sign_of_a_text_with_markup_is_no_reason_to_warn(client: GatewayClient) -> None:
    body = {**VOICE, "text": "&lt;b&gt; is bold", "markup": "ssml"}
    assert "warnings" not in client.post("/v1/estimate", body).json()["data"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en-us", "less than b greater than bold less than slash b greater than"),
        ("en-gb", "less than b greater than bold less than slash b greater than"),
        ("es", "menor que b mayor que bold menor que barra b mayor que"),
        ("fr-fr", "inférieur à b supérieur à bold inférieur à slash b supérieur à"),
        ("it", "minore di b maggiore di bold minore di barra b maggiore di"),
        ("pt-br", "menor que b maior que bold menor que barra b maior que"),
        ("hi", "से कम b से ज़्यादा bold से कम स्लैश b से ज़्यादा"),
    ],
)
def test_a_tag_is_spoken_where_no_markup_is_announced(language: str, words: str) -> None:
    assert normalise_text("<b>bold</b>", language) == words
