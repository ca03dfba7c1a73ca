"""Subtitle files: their cues, and the files beside the audio of core-tts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text as sql

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.support.jobs import work
from tests.support.stored import stored_keys
from voxport.billing.verify import verify
from voxport.providers.base import Capabilities, Piece, SpokenWord, Utterance, VoiceRef
from voxport.speech.subtitles import SubtitleFormat, max_subtitles_bytes, subtitles
from voxport.speech.timestamps import timestamps
from voxport.text.ssml.parser import parse_ssml

TTS = "/v1/proxy/core-tts"
TEXT = "The ferry leaves at seven. Nobody & nothing waits for it."


def words_of(text: str, *, seconds: float = 0.25) -> list[SpokenWord]:
    """Return each word of a text, `seconds` long; sentences end at dots."""
    found, sentence = list[SpokenWord](), 0
    for number, match in enumerate(re.finditer(r"\w+", text)):
        if found and "." in text[found[-1].end_char : match.start()]:
            sentence += 1
        found.append(SpokenWord(match.start(), match.end(), sentence, number * seconds, (number + 1) * seconds))
    return found


@pytest.mark.parametrize("written", ["caf&#233;", "cafe\u0301", "café"])
def test_a_timestamp_has_the_whole_word_as_it_was_sent(written: str) -> None:
    (stamp,) = timestamps([SpokenWord(0, 4, 0, 0.0, 1.0)], f"{written} x", "word")
    assert stamp.text == written
    assert (stamp.start_char, stamp.end_char) == (0, len(written))


# Cues


def test_a_cue_is_a_sentence_with_its_marks() -> None:
    srt = subtitles(words_of(TEXT), TEXT, "srt")
    assert srt == (
        "1\n00:00:00,000 --> 00:00:01,200\nThe ferry leaves at seven.\n\n"
        "2\n00:00:01,200 --> 00:00:02,500\nNobody & nothing waits for it.\n"
    )
    vtt = subtitles(words_of(TEXT), TEXT, "vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.200\nThe ferry")
    assert "Nobody &amp; nothing" in vtt


def test_a_cue_begins_a_moment_before_its_first_word() -> None:
    words = [
        dataclasses.replace(word, start=word.start + word.sentence, end=word.end + word.sentence)
        for word in words_of(TEXT)
    ]
    assert "\n00:00:02,200 --> 00:00:03,500\nNobody" in subtitles(words, TEXT, "srt")


def test_cues_of_words_that_are_shorter_than_that_moment_are_in_order() -> None:
    srt = subtitles(words_of("No. Yes. No.", seconds=0.02), "No. Yes. No.", "srt")
    assert re.findall(r"\d\d,\d{3}", srt) == ["00,000", "00,010", "00,010", "00,030", "00,030", "00,730"]


def test_the_last_cue_stays_until_its_last_word_is_heard() -> None:
    text = "Nobody waits for the ferry at seven."
    assert "--> 00:00:07.000" in subtitles(words_of(text, seconds=1), text, "vtt")


def test_a_short_cue_stays_until_it_can_be_read_but_not_into_the_next() -> None:
    assert "00:00:00,000 --> 00:00:00,700" in subtitles(words_of("No.", seconds=0.2), "No.", "srt")
    srt = subtitles(words_of("No. Yes.", seconds=0.2), "No. Yes.", "srt")
    assert "00:00:00,000 --> 00:00:00,150" in srt


def test_a_long_sentence_is_cut_at_a_comma_into_cues_of_two_lines() -> None:
    half = "the ferry that leaves the island in the morning is always as late as it can be"
    text = f"{half}, and {half}."
    srt = subtitles(words_of(text, seconds=0.1), text, "srt")
    blocks = [block.split("\n")[2:] for block in srt.strip().split("\n\n")]
    assert len(blocks) == 2
    assert blocks[0][-1].endswith("can be,")
    assert all(len(block) <= 2 and all(len(line) <= 50 for line in block) for block in blocks)


def test_markup_is_not_shown_and_what_a_tag_replaces_is_shown_as_written() -> None:
    text = '<p>Tea &amp; <emphasis>very</emphasis> hot <sub alias="World Wide Web">WWW</sub>.</p><break time="1s"/>Go.'
    document = parse_ssml(text, language="en-us", languages=lambda code: code)
    inside = [(text.index(word), word) for word in ("Tea", "very", "hot", ">WWW", "Go")]
    words = [
        SpokenWord(at + word.startswith(">"), at + len(word), int(word == "Go"), n / 4, (n + 1) / 4)
        for n, (at, word) in enumerate(inside)
    ]
    srt = subtitles(words, text, "srt", document=document)
    assert "Tea & very hot WWW.\n" in srt
    assert srt.endswith("\nGo.\n")
    assert "<" not in srt


def test_what_looks_like_times_in_a_text_ends_no_cue() -> None:
    text = "From 1\n\n00:00 --> 9 <b>it</b> is."
    for name in ("srt", "vtt"):
        content = subtitles(words_of(text), text, name)
        assert content.count("-->") == 1
        assert content.count("\n\n") == (1 if name == "vtt" else 0)


def test_a_text_without_words_has_a_file_without_cues() -> None:
    assert subtitles([], "…", "vtt") == "WEBVTT\n"
    assert subtitles([], "…", "srt") == "\n"


def test_files_are_no_larger_than_their_bound() -> None:
    for text in ("&" * 20, "a. " * 50, "字。" * 90):
        for name in ("srt", "vtt"):
            assert len(subtitles(words_of(text), text, name).encode()) <= max_subtitles_bytes(text)


# Files beside the audio


class TimedProvider(FakeProvider):
    """Says when each word of its tone is heard."""

    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities(), supports_timestamps=True)

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        for number, piece in enumerate(super().speak(voice, utterance)):
            words = tuple(words_of(utterance.text)) if number == 0 else ()
            yield dataclasses.replace(piece, words=words)


@pytest.fixture
def timed(make_gateway: Any) -> FakeProviderEnv:
    return with_fake_provider(make_gateway, TimedProvider())


@pytest.fixture
def listener(timed: FakeProviderEnv) -> GatewayClient:
    return open_client(timed.gateway)


BODY: dict[str, Any] = {"text": TEXT, "voice_id": "hum", "subtitles": ["srt", "vtt"]}


def rows(client: GatewayClient) -> list[tuple[str, bool]]:
    with client.gateway.database.snapshot() as tx:
        found = tx.execute(sql("SELECT kind, uploaded_at IS NOT NULL FROM media ORDER BY sequence")).all()
    return [(kind, bool(is_stored)) for kind, is_stored in found]


def test_subtitles_are_files_beside_the_audio_and_go_with_it(listener: GatewayClient) -> None:
    data = listener.post(TTS, BODY).json()["data"]
    files = data["subtitles"]
    stem = data["key"].rpartition(".")[0]
    assert [files[name]["key"] for name in ("srt", "vtt")] == [f"{stem}.srt", f"{stem}.vtt"]
    kinds: dict[SubtitleFormat, str] = {"srt": "application/x-subrip", "vtt": "text/vtt"}
    for name, kind in kinds.items():
        answer = listener.http.get(files[name]["url"])
        assert answer.headers["Content-Type"].startswith(kind)
        assert "charset=utf-8" in answer.headers["Content-Type"]
        assert answer.text == subtitles(words_of(TEXT), TEXT, name)
        row = listener.get(f"/v1/media/{files[name]['key']}").json()["data"]
        assert (row["kind"], row["size_bytes"]) == ("subtitles", len(answer.content))
    assert "timestamps" not in data
    assert len(listener.get("/v1/media?kind=subtitles").json()["data"]) == 2
    assert len(listener.get("/v1/media?kind=speech").json()["data"]) == 1

    assert listener.delete(f"/v1/media/{data['key']}").status_code == 200
    assert listener.get("/v1/media").json()["data"] == []
    assert listener.http.get(files["srt"]["url"]).status_code == 404
    assert stored_keys(listener.gateway, "audio") == []
    assert verify(listener.gateway.database) == []


def test_subtitles_can_be_deleted_alone(listener: GatewayClient) -> None:
    data = listener.post(TTS, {**BODY, "subtitles": ["vtt"]}).json()["data"]
    assert list(data["subtitles"]) == ["vtt"]
    assert listener.delete(f"/v1/media/{data['subtitles']['vtt']['key']}").status_code == 200
    assert listener.http.get(data["url"]).status_code == 200


def test_a_job_has_the_same_files_with_fresh_urls(listener: GatewayClient) -> None:
    wanted = {"Prefer": "respond-async"}
    job_id = listener.post(TTS, BODY, headers=wanted).json()["job"]["id"]
    work(listener, job_id)
    result = listener.get(f"/v2/jobs/{job_id}").json()["result_data"]
    assert listener.http.get(result["subtitles"]["srt"]["url"]).text == subtitles(words_of(TEXT), TEXT, "srt")
    assert rows(listener) == [("speech", True), ("subtitles", True), ("subtitles", True)]
    listener.delete(f"/v1/media/{result['subtitles']['vtt']['key']}")
    again = listener.get(f"/v2/jobs/{job_id}").json()["result_data"]
    assert again["subtitles"]["vtt"]["url"] is None
    assert listener.http.get(again["subtitles"]["srt"]["url"]).status_code == 200
    assert verify(listener.gateway.database) == []


def test_a_repeated_call_has_the_same_files_with_fresh_urls(listener: GatewayClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = listener.post(TTS, BODY, headers=headers).json()["data"]
    listener.delete(f"/v1/media/{first['subtitles']['vtt']['key']}")
    answer = listener.post(TTS, BODY, headers=headers)
    assert answer.headers["Idempotent-Replayed"] == "true"
    again = answer.json()["data"]
    assert again["subtitles"]["srt"]["key"] == first["subtitles"]["srt"]["key"]
    assert listener.http.get(again["subtitles"]["srt"]["url"]).status_code == 200
    assert again["subtitles"]["vtt"]["url"] is None


def test_a_call_that_fails_leaves_no_file(listener: GatewayClient, timed: FakeProviderEnv) -> None:
    timed.provider.samples = 0
    assert listener.post(TTS, BODY).status_code == 502
    assert rows(listener) == []
    assert stored_keys(listener.gateway, "audio") == []


def test_a_storage_that_fails_at_the_subtitles_leaves_no_file_and_charges_nothing(
    listener: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(key: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    before = listener.balance()
    with monkeypatch.context() as broken:
        broken.setattr(listener.gateway.storage, "put", fail)
        assert listener.post(TTS, BODY).status_code >= 500
    assert rows(listener) == []
    assert stored_keys(listener.gateway, "audio") == []
    assert listener.balance() == before


def test_a_call_that_died_leaves_rows_by_which_its_files_are_swept(
    listener: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill before the charge does: the files are there, and nothing after them was done."""
    with monkeypatch.context() as killed:
        killed.setattr("voxport.speech.files.SpeechFiles.remove", lambda *_: None)
        killed.setattr("voxport.speech.files.SpeechFiles.record", lambda *_: 1 / 0)
        listener.post(TTS, BODY)
    assert rows(listener) == [("speech", False), ("subtitles", False), ("subtitles", False)]
    assert len(stored_keys(listener.gateway, "audio")) == 3
    assert listener.get("/v1/media").json()["data"] == []
    with listener.gateway.database.transaction() as tx:
        tx.execute(sql("UPDATE media SET created_at = '2020-01-01 00:00:00'"))
    assert listener.gateway.media.sweep() == 3
    assert stored_keys(listener.gateway, "audio") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stream": True}, "stream"),
        ({"subtitles": ["srt", "srt"]}, "once"),
        ({"subtitles": ["ass"]}, "srt"),
        ({"subtitles": "srt"}, "list"),
    ],
)
def test_what_can_have_no_subtitles_is_refused(listener: GatewayClient, fields: dict[str, Any], message: str) -> None:
    answer = listener.post(TTS, {**BODY, **fields})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", "subtitles"]
    assert message in error_of(answer)["message"]


def test_a_provider_that_knows_no_times_says_so(customer: GatewayClient) -> None:
    answer = customer.post(TTS, BODY)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "subtitles"]


def test_a_call_with_subtitles_is_not_answered_from_the_cache(make_gateway: Any) -> None:
    env = with_fake_provider(lambda **options: make_gateway(speech_cache=True, **options), TimedProvider())
    client = open_client(env.gateway)
    plain = {name: value for name, value in BODY.items() if name != "subtitles"}
    first = client.post(TTS, plain)
    answer = client.post(TTS, BODY)
    assert "X-Gateway-Cache" not in answer.headers
    assert set(answer.json()["data"]["subtitles"]) == {"srt", "vtt"}
    hit = client.post(TTS, plain)
    assert hit.headers["X-Gateway-Cache"] == "hit"
    assert hit.json()["data"]["key"] == first.json()["data"]["key"]
    assert "subtitles" not in hit.json()["data"]
