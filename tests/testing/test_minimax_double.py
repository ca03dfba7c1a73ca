"""The MiniMax double responds as PROVIDERS.md describes MiniMax, line by line of its checklist."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.support.audio_features import decoded
from tests.testing.conftest import recording
from voxport.testing.doubles import Fault, MiniMaxDouble, identify
from voxport.testing.doubles.minimax import wire

SYSTEM = "English_expressive_narrator"
TEXT = "The quick brown fox jumps over the lazy dog."

Json = dict[str, Any]


def upload(client: httpx2.Client, content: bytes, *, purpose: str = "voice_clone", name: str = "a.wav") -> Json:
    files = {"file": (name, content, "audio/wav")}
    answer = client.post("/v1/files/upload", data={"purpose": purpose}, files=files)
    assert answer.status_code == 200
    body: Json = answer.json()
    return body


def clone(client: httpx2.Client, voice_id: str, *, pitch: float = 120.0, **fields: Any) -> Json:
    file_id = upload(client, recording(pitch=pitch))["file"]["file_id"]
    return post(client, "/v1/voice_clone", {"file_id": file_id, "voice_id": voice_id, **fields})


def post(client: httpx2.Client, path: str, body: Json) -> Json:
    answer = client.post(path, json=body)
    assert answer.status_code == 200
    assert answer.headers["trace-id"]
    found: Json = answer.json()
    return found


def order(voice_id: str = SYSTEM, **changes: Any) -> Json:
    audio = {"sample_rate": 24_000, "format": "pcm", "channel": 1}
    body = {"model": "speech-2.6-hd", "text": TEXT, "voice_setting": {"voice_id": voice_id}, "audio_setting": audio}
    return {**body, **changes}


def speak(client: httpx2.Client, voice_id: str = SYSTEM, **changes: Any) -> Json:
    return post(client, "/v1/t2a_v2", order(voice_id, **changes))


def code(body: Json) -> int:
    return int(body["base_resp"]["status_code"])


def listed(client: httpx2.Client, kind: str = "voice_cloning") -> list[str]:
    return [voice["voice_id"] for voice in post(client, "/v1/get_voice", {"voice_type": kind})[kind] or []]


def test_every_error_is_a_200_with_a_code_inside(mini: httpx2.Client) -> None:
    with httpx2.Client(base_url=mini.base_url) as nobody:
        none = post(nobody, "/v1/t2a_v2", order())
    wrong = mini.post("/v1/t2a_v2", json=order(), headers={"Authorization": "Bearer no"}).json()
    assert (code(none), code(wrong)) == (1004, 2049)
    assert none["data"] is None
    missing = post(mini, "/v1/t2a_v2", {"text": "a"})
    assert missing["base_resp"] == {
        "status_code": 2013,
        "status_msg": "invalid params, binding: expr_path=model, cause=missing required parameter",
    }


@pytest.mark.parametrize("sends_null_for_empty", [True, False])
def test_a_refused_upload_has_no_file_or_a_null(
    minimax: MiniMaxDouble, mini: httpx2.Client, sends_null_for_empty: bool
) -> None:
    minimax.account.sends_null_for_empty = sends_null_for_empty
    refused = upload(mini, b"a", purpose="a_joke")
    assert code(refused) == 2013
    assert ("file" in refused) is sends_null_for_empty
    lists = post(mini, "/v1/get_voice", {"voice_type": "all"})
    assert lists["voice_cloning"] == (None if sends_null_for_empty else [])


def test_a_group_id_is_ignored_and_the_trace_is_in_header_and_body(mini: httpx2.Client) -> None:
    answer = mini.post("/v1/t2a_v2", params={"GroupId": "17"}, json=order())
    assert answer.json()["trace_id"] == answer.headers["Trace-Id"]
    assert code(answer.json()) == 0


def test_file_ids_are_longer_than_a_float_holds(mini: httpx2.Client) -> None:
    file_id = upload(mini, recording())["file"]["file_id"]
    assert file_id > 2**53
    assert int(float(file_id)) != file_id
    assert code(post(mini, "/v1/files/delete", {"file_id": file_id, "purpose": "voice_clone"})) == 0
    assert code(post(mini, "/v1/voice_clone", {"file_id": file_id, "voice_id": "voice-0001"})) == 2013


@pytest.mark.parametrize("voice_id", ["short", "1starts-with-a-digit", "ends-with-", "has space in it", "a" * 257])
def test_an_id_has_rules(mini: httpx2.Client, voice_id: str) -> None:
    assert code(clone(mini, voice_id)) == 2013


def test_an_id_is_good_once_also_after_its_voice_is_gone(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    assert code(clone(mini, "voice-0001")) == 0
    assert code(clone(mini, "voice-0001")) == 2039
    gone = post(mini, "/v1/delete_voice", {"voice_type": "voice_cloning", "voice_id": "voice-0001"})
    assert (code(gone), gone["voice_id"]) == (0, "voice-0001")
    assert code(clone(mini, "voice-0001")) == 2039
    assert minimax.voices == {}


def test_a_clone_hides_until_it_is_spoken_with(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    previewed = clone(mini, "voice-0001", text="A preview.", model="speech-2.6-hd")
    assert httpx2.get(previewed["demo_audio"]).content[:3] in (b"ID3", b"\xff\xfb\x92")
    assert listed(mini) == []
    assert minimax.activated == []
    assert code(speak(mini, "voice-0001")) == 0
    assert listed(mini) == ["voice-0001"]
    speak(mini, "voice-0001")
    assert minimax.activated == ["voice-0001"]


def test_a_clone_goes_after_a_week_without_speech(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    clone(mini, "voice-used")
    clone(mini, "voice-idle")
    speak(mini, "voice-used")
    minimax.clock.advance(days=5)
    speak(mini, "voice-used")
    minimax.clock.advance(days=5)
    assert listed(mini) == ["voice-used"]
    assert code(speak(mini, "voice-idle")) == 2054
    assert code(speak(mini, "voice-used")) == 0


def test_speech_is_hex_or_behind_a_url(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    whole = speak(mini)
    audio = bytes.fromhex(whole["data"]["audio"])
    assert whole["data"]["status"] == 2
    assert len(audio) / 48_000 == pytest.approx(0.06 * len(TEXT), abs=0.01)
    assert whole["extra_info"]["usage_characters"] == len(TEXT)
    assert whole["extra_info"]["audio_size"] == len(audio)
    assert whole["extra_info"]["audio_length"] == pytest.approx(60 * len(TEXT), abs=10)
    behind = speak(mini, output_format="url", audio_setting={"format": "mp3", "sample_rate": 32_000})
    fetched = decoded(httpx2.get(behind["data"]["audio"]).content)
    assert identify(fetched) == minimax.system[SYSTEM].mark


@pytest.mark.parametrize("exclude", [True, False])
def test_the_last_event_of_a_stream_repeats_all_unless_that_is_excluded(mini: httpx2.Client, exclude: bool) -> None:
    body = order(stream=True, text=TEXT * 3)
    if exclude:
        body["stream_options"] = {"exclude_aggregated_audio": True}
    answer = mini.post("/v1/t2a_v2", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *parts, last = events(answer)
    whole = "".join(part["data"]["audio"] for part in parts)
    assert len(parts) > 2
    assert {part["data"]["status"] for part in parts} == {1}
    assert last["data"]["status"] == 2
    assert last["extra_info"]["usage_characters"] == 3 * len(TEXT)
    assert last["data"]["audio"] == ("" if exclude else whole)
    assert whole == speak(mini, text=TEXT * 3)["data"]["audio"]


def test_a_refused_stream_is_plain_json_and_an_error_may_come_in_its_middle(
    minimax: MiniMaxDouble, mini: httpx2.Client
) -> None:
    refused = mini.post("/v1/t2a_v2", json=order("no-such-voice", stream=True))
    assert refused.headers["content-type"] == "application/json"
    assert code(refused.json()) == 2054
    minimax.faults.add(Fault("/v1/t2a_v2", chunk_error=1039))
    broken = events(mini.post("/v1/t2a_v2", json=order(stream=True)))
    assert [code(event) for event in broken] == [0, 1039]


def test_what_was_sensitive_comes_in_two_shapes(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    plain = clone(mini, "voice-0001")
    assert (plain["input_sensitive"], plain["input_sensitive_type"]) == (False, 0)
    minimax.account.sensitive_object = True
    assert clone(mini, "voice-0002")["input_sensitive"] == {"type": 0}


def test_samples_are_judged_when_the_voice_is_made(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    short = upload(mini, recording(9.5))["file"]["file_id"]
    assert code(post(mini, "/v1/voice_clone", {"file_id": short, "voice_id": "voice-0001"})) == 2037
    ogg = upload(mini, recording(12, codec="opus"), name="a.ogg")["file"]["file_id"]
    refused = post(mini, "/v1/voice_clone", {"file_id": ogg, "voice_id": "voice-0001"})
    assert "invalid file ext" in refused["base_resp"]["status_msg"]
    prompt = upload(mini, recording(8.5), purpose="prompt_audio")["file"]["file_id"]
    long = clone(mini, "voice-0001", clone_prompt={"prompt_audio": prompt, "prompt_text": "Hello."})
    assert code(long) == 2048
    half = clone(mini, "voice-0001", clone_prompt={"prompt_text": "Hello."})
    assert "prompt_audio" in half["base_resp"]["status_msg"]
    minimax.account.can_clone = False
    assert code(clone(mini, "voice-0001")) == 2038


def test_another_account_s_voice_is_not_ours(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    minimax.account.foreign_voice_ids.add("their-voice")
    assert code(speak(mini, "their-voice")) == 2042


@pytest.mark.parametrize("wanted", sorted(set(wire.MESSAGES) - {0}))
def test_every_code_can_be_had(minimax: MiniMaxDouble, mini: httpx2.Client, wanted: int) -> None:
    body = {"data": None, "trace_id": "t", "base_resp": wire.base_resp(wanted)}
    minimax.faults.add(Fault("/v1/t2a_v2", status=200, body=body))
    refused = mini.post("/v1/t2a_v2", json=order()).json()
    assert code(refused) == wanted
    assert refused["base_resp"]["status_msg"]
    assert minimax.spoken == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "speech-9"},
        {"text": "a" * 10_000},
        {"voice_setting": {"voice_id": SYSTEM, "speed": 2.1}},
        {"voice_setting": {"voice_id": SYSTEM, "vol": 0}},
        {"audio_setting": {"format": "wav"}, "stream": True},
        {"audio_setting": {"sample_rate": 48_000}},
        {"language_boost": "en"},
        {"output_format": "base64"},
    ],
)
def test_what_the_fields_don_t_take_is_refused(mini: httpx2.Client, changes: Json) -> None:
    assert code(speak(mini, **changes)) == 2013


def test_too_many_at_once_are_refused(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    minimax.account.concurrency = 0
    assert code(speak(mini)) == 1041


def test_each_clone_keeps_its_mark(minimax: MiniMaxDouble, mini: httpx2.Client) -> None:
    for number, pitch in enumerate((100, 150)):
        clone(mini, f"voice-000{number}", pitch=pitch)
        audio = speak(mini, f"voice-000{number}", audio_setting={"format": "mp3", "sample_rate": 44_100})
        heard = identify(decoded(bytes.fromhex(audio["data"]["audio"])))
        assert heard == minimax.voices[f"voice-000{number}"].mark


def events(answer: httpx2.Response) -> list[Json]:
    return [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event]
