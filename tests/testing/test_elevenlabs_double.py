"""The ElevenLabs double responds as PROVIDERS.md describes ElevenLabs, line by line of its checklist."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.support.audio_features import decoded
from tests.support.server import wait_until
from tests.testing.conftest import recording
from voxport.testing.doubles import ElevenLabsDouble, Fault, identify
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES

RACHEL = "21m00Tcm4TlvDq8ikWAM"
UNKNOWN = "abcdefghij0123456789"
TEXT = "The quick brown fox jumps over the lazy dog."


def clone(client: httpx2.Client, *, name: str = "Ada", pitch: float = 120.0, **fields: str) -> httpx2.Response:
    files = [("files", ("sample.wav", recording(pitch=pitch), "audio/wav"))]
    return client.post("/v1/voices/add", data={"name": name, **fields}, files=files)


def speak(client: httpx2.Client, voice_id: str = RACHEL, text: str = TEXT, **query: str) -> httpx2.Response:
    return client.post(f"/v1/text-to-speech/{voice_id}", params=query, json={"text": text})


def detail(response: httpx2.Response) -> Any:
    return response.json()["detail"]


# Keys


def test_a_bad_body_is_told_before_a_bad_key(eleven: httpx2.Client) -> None:
    bad = {"xi-api-key": "wrong"}
    path = f"/v1/text-to-speech/{RACHEL}"
    for body, place, kind in (
        ({}, ["body", "text"], "missing"),
        ({"text": 3}, ["body", "text"], "string_type"),
        ({"text": "a", "voice_settings": {"stability": 2}}, ["body", "voice_settings", "stability"], "less_than_equal"),
        ({"text": "a", "apply_text_normalization": "x"}, ["body", "apply_text_normalization"], "literal_error"),
    ):
        answer = eleven.post(path, json=body, headers=bad)
        assert answer.status_code == 422
        assert detail(answer)[0]["loc"] == place
        assert detail(answer)[0]["type"] == kind
    assert eleven.post(path, content=b"{", headers=bad).status_code == 422
    assert eleven.post(path, json={"text": "a"}, headers=bad).status_code == 401
    # These are validated only after the key.
    late: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"output_format": "mp3_1_1"}, {"text": "a"}),
        ({}, {"text": ""}),
        ({}, {"text": "a", "seed": -1, "voice_settings": {"speed": 9, "style": 3}}),
    ]
    for query, body in late:
        assert eleven.post(path, params=query, json=body, headers=bad).status_code == 401


def test_the_three_401s_tell_themselves_apart(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    elevenlabs.account.keys["xi-narrow"] = ALL_SCOPES - {"user_read"}
    path = "/v1/user/subscription"
    wrong = eleven.get(path, headers={"xi-api-key": "wrong"})
    narrow = eleven.get(path, headers={"xi-api-key": "xi-narrow"})
    with httpx2.Client(base_url=eleven.base_url) as nobody:
        none = nobody.get(path)
        bearer = nobody.get(path, headers={"Authorization": "Bearer xi-good"})
    assert [one.status_code for one in (wrong, narrow, none, bearer)] == [401] * 4
    assert [detail(one)["status"] for one in (wrong, narrow, none)] == [
        "invalid_api_key",
        "missing_permissions",
        "needs_authorization",
    ]
    assert detail(bearer)["code"] == "invalid_authorization_header"
    assert "user_read" in detail(narrow)["message"]


# Voices


def test_a_clone_is_made_of_repeated_files_with_labels_in_any_of_their_forms(eleven: httpx2.Client) -> None:
    files = [("files", (f"{pitch}.wav", recording(pitch=pitch), "audio/wav")) for pitch in (100, 200)]
    for labels in ({}, {"labels": "null"}, {"labels": json.dumps({"language": "en"})}):
        answer = eleven.post("/v1/voices/add", data={"name": "Ada", **labels}, files=files)
        assert answer.status_code == 200
        voice_id = answer.json()["voice_id"]
        assert len(voice_id) == 20
        assert voice_id.isalnum()
        assert answer.json()["requires_verification"] is False
        shown = eleven.get(f"/v1/voices/{voice_id}").json()
        assert shown["category"] == "cloned"
        assert shown["labels"] == ({"language": "en"} if "en" in str(labels) else {})
    wrong = eleven.post("/v1/voices/add", data={"name": "Ada", "labels": "[1]"}, files=files)
    assert wrong.status_code == 422


def test_a_clone_without_its_parts_names_each(eleven: httpx2.Client) -> None:
    answer = eleven.post("/v1/voices/add", files=[("file", ("a.wav", recording(), "audio/wav"))])
    assert answer.status_code == 422
    assert [one["loc"] for one in detail(answer)] == [["body", "name"], ["body", "files"]]
    assert {one["type"] for one in detail(answer)} == {"missing"}


def test_a_voice_like_a_protected_one_has_to_be_verified(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    match = {"library_voice_id": UNKNOWN, "public_owner_id": "owner"}
    elevenlabs.account.library_voice_match = match
    created = clone(eleven).json()
    assert created["requires_verification"] is True
    assert created["library_voice_match"] == match
    assert speak(eleven, created["voice_id"]).status_code == 403


def test_what_the_account_and_the_file_forbid_is_told(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    same = [("files", (name, recording(), "audio/wav")) for name in ("a.wav", "b.wav")]
    twice = eleven.post("/v1/voices/add", data={"name": "Ada"}, files=same)
    assert (twice.status_code, detail(twice)["status"]) == (400, "duplicate_files")
    text = [("files", ("a.wav", b"no audio", "audio/wav"))]
    broken = eleven.post("/v1/voices/add", data={"name": "Ada"}, files=text)
    assert (broken.status_code, detail(broken)["status"]) == (400, "invalid_content")
    elevenlabs.account.voice_limit = 0
    full = clone(eleven)
    assert (full.status_code, detail(full)["status"]) == (400, "voice_limit_reached")
    elevenlabs.account.can_clone = False
    free = clone(eleven)
    assert (free.status_code, detail(free)["status"]) == (400, "can_not_use_instant_voice_cloning")
    assert detail(free)["code"] == "paid_plan_required"


def test_an_unknown_voice_is_404_in_speech_and_400_elsewhere(eleven: httpx2.Client) -> None:
    spoken, got, gone = (
        speak(eleven, UNKNOWN),
        eleven.get(f"/v1/voices/{UNKNOWN}"),
        eleven.delete(f"/v1/voices/{UNKNOWN}"),
    )
    assert [one.status_code for one in (spoken, got, gone)] == [404, 400, 400]
    assert {detail(one)["code"] for one in (spoken, got, gone)} == {"voice_not_found"}
    assert speak(eleven, "alloy").status_code == 404
    malformed = eleven.get("/v1/voices/not-an-id")
    assert (malformed.status_code, detail(malformed)["status"]) == (400, "invalid_uid")


def test_a_second_deletion_is_an_error(eleven: httpx2.Client) -> None:
    voice_id = clone(eleven).json()["voice_id"]
    assert eleven.delete(f"/v1/voices/{voice_id}").json() == {"status": "ok"}
    assert detail(eleven.delete(f"/v1/voices/{voice_id}"))["status"] == "voice_not_found"


def test_pages_of_voices_are_walked_by_their_token(eleven: httpx2.Client) -> None:
    created = {clone(eleven, name=f"Voice {number}").json()["voice_id"] for number in range(5)}
    first = eleven.get("/v2/voices", params={"page_size": "2"}).json()
    assert len(first["voices"]) == 5  # three stock voices, and two
    assert first["total_count"] == 8
    seen, token = {voice["voice_id"] for voice in first["voices"]}, first["next_page_token"]
    while token is not None:
        query = {"page_size": "2", "next_page_token": token, "include_total_count": "false"}
        page = eleven.get("/v2/voices", params=query).json()
        assert "total_count" not in page
        assert len(page["voices"]) <= 2
        seen |= {voice["voice_id"] for voice in page["voices"]}
        assert page["has_more"] is (page["next_page_token"] is not None)
        token = page["next_page_token"]
    assert created < seen
    chosen = eleven.get("/v2/voices", params=[("voice_ids", one) for one in sorted(created)[:2]]).json()
    assert {voice["voice_id"] for voice in chosen["voices"]} == set(sorted(created)[:2])
    assert eleven.get("/v2/voices", params={"page_size": "101"}).status_code == 422
    assert len(eleven.get("/v1/voices").json()["voices"]) == 8


# Speech


def test_speech_is_mp3_unless_another_format_is_asked_for(eleven: httpx2.Client) -> None:
    answer = speak(eleven)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert decoded(answer.content).size / 24_000 == pytest.approx(0.06 * len(TEXT), abs=0.15)
    assert len(answer.headers["request-id"]) == 20
    assert answer.headers["character-cost"] == str(len(TEXT))
    assert answer.headers["x-trace-id"]
    assert answer.headers["x-region"]
    pcm = speak(eleven, output_format="pcm_16000").content
    assert len(pcm) / 32_000 == pytest.approx(0.06 * len(TEXT), abs=0.01)
    assert speak(eleven, output_format="wav_24000").content.startswith(b"RIFF")


def test_the_formats_of_a_stream_are_fewer(eleven: httpx2.Client) -> None:
    path = f"/v1/text-to-speech/{RACHEL}"
    for end, status in (("", 200), ("/stream", 400), ("/with-timestamps", 200), ("/stream/with-timestamps", 400)):
        answer = eleven.post(path + end, params={"output_format": "wav_24000"}, json={"text": TEXT})
        assert answer.status_code == status
    refused = eleven.post(f"{path}/stream", params={"output_format": "wav_24000"}, json={"text": TEXT})
    assert detail(refused)["param"] == "output_format"


def test_an_error_has_a_trace_and_no_request_id_header(eleven: httpx2.Client) -> None:
    answer = speak(eleven, UNKNOWN)
    assert "request-id" not in answer.headers
    assert answer.headers["x-trace-id"] == detail(answer)["request_id"]


def test_a_stream_comes_in_parts_and_with_times_as_lines_of_json(eleven: httpx2.Client) -> None:
    path = f"/v1/text-to-speech/{RACHEL}/stream"
    with eleven.stream("POST", path, params={"output_format": "pcm_24000"}, json={"text": TEXT * 3}) as answer:
        assert "content-length" not in answer.headers
        streamed = b"".join(answer.iter_bytes())
    assert streamed == speak(eleven, text=TEXT * 3, output_format="pcm_24000").content
    timed = eleven.post(f"{path}/with-timestamps", json={"text": TEXT})
    lines = [json.loads(line) for line in timed.text.splitlines() if line]
    assert {"audio_base64", "alignment", "normalized_alignment"} == set(lines[0])


def test_each_voice_has_a_mark_that_mp3_opus_and_wav_keep(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    ids = [clone(eleven, pitch=pitch).json()["voice_id"] for pitch in (100, 150, 200)]
    marks = [elevenlabs.voices[voice_id].mark for voice_id in ids]
    assert len(set(marks)) == 3
    for wanted in ("mp3_44100_128", "opus_48000_128", "wav_24000"):
        heard = [identify(decoded(speak(eleven, voice_id, output_format=wanted).content)) for voice_id in ids]
        assert heard == marks
    again = clone(eleven, pitch=100).json()["voice_id"]
    assert elevenlabs.voices[again].mark == marks[0]
    assert identify(np.zeros(24_000, np.float32)) is None


def test_texts_that_no_model_takes_are_refused(eleven: httpx2.Client) -> None:
    long = speak(eleven, text="a" * 10_001)
    assert (long.status_code, detail(long)["status"]) == (400, "max_character_limit_exceeded")
    assert set(detail(long)) == {"status", "message"}
    blank = speak(eleven, text=" ")
    assert (blank.status_code, detail(blank)["code"]) == (400, "empty_text")
    model = eleven.post(f"/v1/text-to-speech/{RACHEL}", json={"text": "a", "model_id": "nothing"})
    assert (model.status_code, detail(model)["code"]) == (400, "unsupported_model")


# Limits and faults


@pytest.mark.parametrize(("status", "code"), [(401, "quota_exceeded"), (402, "insufficient_credits")])
def test_an_account_without_credits_says_so_in_either_way(
    elevenlabs: ElevenLabsDouble, eleven: httpx2.Client, status: int, code: str
) -> None:
    elevenlabs.account.character_limit = len(TEXT)
    elevenlabs.account.quota_status = status
    assert speak(eleven).status_code == 200
    answer = speak(eleven)
    assert (answer.status_code, detail(answer)["status"]) == (status, code)
    assert elevenlabs.spoken == [RACHEL]


def test_one_too_many_at_once_is_refused_without_saying_when_to_come_again(
    elevenlabs: ElevenLabsDouble, eleven: httpx2.Client
) -> None:
    elevenlabs.account.concurrency, elevenlabs.account.go_on = 2, threading.Event()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(speak, eleven) for _ in range(4)]
        wait_until(lambda: sum(one.done() for one in calls) == 2, seconds=60, what="the refusals")
        refused = [one.result() for one in calls if one.done()]
        elevenlabs.account.go_on.set()
    assert sorted(one.result().status_code for one in calls) == [200, 200, 429, 429]
    for answer in refused:
        assert detail(answer)["status"] == "too_many_concurrent_requests"
        assert "retry-after" not in answer.headers


def test_an_account_that_queues_lets_them_wait(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    elevenlabs.account.concurrency, elevenlabs.account.queues = 2, True
    elevenlabs.account.sends_concurrency, elevenlabs.account.go_on = True, threading.Event()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(speak, eleven) for _ in range(4)]
        wait_until(lambda: len(elevenlabs.requests) == 4, seconds=60, what="all of them")
        assert not any(one.done() for one in calls)
        elevenlabs.account.go_on.set()
    answers = [one.result() for one in calls]
    assert [one.status_code for one in answers] == [200] * 4
    assert {one.headers["maximum-concurrent-requests"] for one in answers} == {"2"}
    assert {int(one.headers["current-concurrent-requests"]) for one in answers} <= {1, 2}


def test_faults_come_once_and_are_gone(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    faults = elevenlabs.faults
    busy = {"detail": {"type": "rate_limit_error", "code": "system_busy", "status": "system_busy", "message": "Busy."}}
    faults.add(Fault("/v1/text-to-speech", status=429, body=busy, headers={"Retry-After": "3"}))
    faults.add(Fault("/v1/text-to-speech", status=503, body="<html>503</html>", content_type="text/html"))
    faults.add(Fault("/v1/text-to-speech", replace={"detail": "something went wrong"}))
    faults.add(Fault("/v1/voices", status=500, body=None))
    answers = [speak(eleven) for _ in range(4)]
    assert [one.status_code for one in answers] == [429, 503, 200, 200]
    assert answers[0].headers["retry-after"] == "3"
    assert answers[1].headers["content-type"].startswith("text/html")
    assert answers[2].headers["content-type"] == "application/json"
    assert answers[3].headers["content-type"] == "audio/mpeg"
    assert len(elevenlabs.spoken) == 2


def test_a_lost_answer_leaves_the_work_done(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    elevenlabs.faults.add(Fault("/v1/voices/add", drop_response=True))
    with pytest.raises(httpx2.RemoteProtocolError):
        clone(eleven)
    assert len(elevenlabs.voices) == 1


def test_a_stream_can_break_end_early_be_slow_or_hang(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    whole = speak(eleven, output_format="pcm_24000").content
    path = f"/v1/text-to-speech/{RACHEL}/stream"
    elevenlabs.faults.add(Fault(path, reset=True))
    with pytest.raises(httpx2.RemoteProtocolError):
        eleven.post(path, params={"output_format": "pcm_24000"}, json={"text": TEXT})
    elevenlabs.faults.add(Fault("/v1/text-to-speech", truncate=0.25))
    assert len(speak(eleven, output_format="pcm_24000").content) == len(whole) // 4
    elevenlabs.faults.add(Fault("/v1/text-to-speech", delay_seconds=0.1))
    start = time.monotonic()
    speak(eleven)
    assert time.monotonic() - start >= 0.1
    elevenlabs.faults.add(Fault("/v1/text-to-speech", hang=True))
    with pytest.raises(httpx2.ReadTimeout):
        eleven.post(f"/v1/text-to-speech/{RACHEL}", json={"text": TEXT}, timeout=0.3)


# The account


def test_the_account_tells_its_models_and_its_plan(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    clone(eleven)
    speak(eleven)
    plan = eleven.get("/v1/user/subscription").json()
    assert (plan["voice_slots_used"], plan["character_count"]) == (1, len(TEXT))
    models = {one["model_id"]: one for one in eleven.get("/v1/models").json()}
    assert models["eleven_multilingual_v2"]["maximum_text_length_per_request"] == 10_000
    with httpx2.Client(base_url=eleven.base_url) as nobody:
        answer = nobody.get("/v1/models")
    assert (answer.status_code, detail(answer)["code"]) == (404, "workspace_not_found")


def test_a_dub_is_too_early_until_it_is_ready(elevenlabs: ElevenLabsDouble, eleven: httpx2.Client) -> None:
    dubbing_id = eleven.post("/v1/dubbing", data={"target_lang": "es"}).json()["dubbing_id"]
    audio = f"/v1/dubbing/{dubbing_id}/audio/es"
    assert eleven.get(audio).status_code == 425
    assert eleven.get(f"/v1/dubbing/{dubbing_id}").json()["status"] == "dubbing"
    elevenlabs.clock.advance(seconds=61)
    assert eleven.get(f"/v1/dubbing/{dubbing_id}").json()["status"] == "dubbed"
    assert eleven.get(audio).headers["content-type"] == "audio/mpeg"
    assert eleven.get(f"/v1/dubbing/{UNKNOWN}/audio/es").status_code == 404
