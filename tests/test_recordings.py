"""Real recordings through the whole gateway: unusable ones are refused with a reason, poor ones cause a warning."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.raw_client import CallFailed, Client
from voxport.testing.running_gateway import LiveGateway

pytestmark = pytest.mark.slow

SPEECH = Path(os.environ.get("VOXPORT_SPEECH_DIR") or Path(__file__).resolve().parents[2] / "shared" / "speech")
TEXT = "Good morning."
EMPTY = "negatives/bad_empty.wav"
REFUSED = [
    "negatives/bad_text_renamed.mp3",
    "negatives/bad_truncated_header.m4a",
    "negatives/silence_10s.wav",
    "negatives/video_no_audio.mp4",
    "media/very_short_0p5s.wav",
    "media/music_only_brahms_hungarian_dance5.ogg",
]
WARNED = {
    "media/clipped_hard.wav": "clipped",
    "media/noisy_babble_5dB.wav": "nois",
    "media/quiet_minus40dB.wav": "quiet",
    "media/speech_telephone_8k_mulaw.wav": "telephone",
    "media/two_speakers_M_then_F.flac": "more than one person",
}
HERE = ("media/speech_telephone_8k_mulaw.wav", "media/two_speakers_M_then_F.flac")
"""One warning comes from the sample check, the other from the speaker encoder. `tests/samples/test_recordings.py` tests
the warnings of each recording, and that phone recordings cause none; the gateway reports all of them alike."""


@pytest.fixture
def client(live: LiveGateway) -> Iterator[Client]:
    if not SPEECH.is_dir():
        pytest.skip("the folder of recordings is not here; set VOXPORT_SPEECH_DIR")
    with Client(live.url, live.key) as client:
        yield client


def test_the_lists_here_are_those_of_the_manifest(client: Client) -> None:
    with (SPEECH / "MANIFEST.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert sorted(row["path"] for row in rows if row["expect"] == "refuse") == sorted([EMPTY, *REFUSED])
    warned = {row["path"] for row in rows if row["expect"] == "warn"}
    # This file of three seconds holds less than three of speech. It is warned of or refused, depending on the
    # measurement.
    assert warned == {*WARNED, "media/short_3s.wav"}


@pytest.mark.folder_only("a PUT that the gateway itself receives")
def test_an_empty_file_is_refused_when_it_is_uploaded(client: Client) -> None:
    with pytest.raises(CallFailed) as refusal:
        client.upload(SPEECH / EMPTY)
    assert refusal.value.status == 422


@pytest.mark.parametrize("path", [*REFUSED, "media/short_3s.wav"])
def test_a_recording_that_cannot_make_a_voice_is_refused_at_once_and_costs_nothing(client: Client, path: str) -> None:
    audio_url = client.upload(SPEECH / path)
    before = client.balance()
    with pytest.raises(CallFailed) as refusal:
        client.instant_clone(audio_url, TEXT)
    assert refusal.value.status == 400
    error = refusal.value.body["error"]
    assert error["code"] == "sample_unusable"
    assert error["details"]["reason"]
    assert error["message"].count(".") >= 2, "the reason, and what would help"
    assert client.balance() == before


def test_the_job_of_such_a_recording_fails_with_the_same_reason(client: Client) -> None:
    audio_url = client.upload(SPEECH / "negatives/silence_10s.wav")
    before = client.balance()
    job = client.wait_for_job(client.clone(audio_url))
    assert job["status"] == "failed"
    assert job["error"]["code"] == "sample_unusable"
    assert (job["token_cost"], job["result_data"]) == (0.0, None)
    assert client.balance() == before


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=() if path in HERE else pytest.mark.drill) for path in WARNED]
)
def test_a_poor_recording_is_used_and_warned_of(client: Client, path: str) -> None:
    response = client.instant_clone(client.upload(SPEECH / path), TEXT)
    assert WARNED[path] in response.headers["X-Voxport-Warnings"].lower()


@pytest.mark.parametrize(
    "path",
    [
        "media/video_still_speech.mp4",
        pytest.param("media/speech_64k.m4a", marks=pytest.mark.drill),
        pytest.param("media/speech_24k.opus", marks=pytest.mark.drill),
    ],
)
def test_sound_comes_from_videos_and_from_what_phones_record(client: Client, path: str) -> None:
    response = client.instant_clone(client.upload(SPEECH / path), TEXT)
    assert response.content[:4] == b"RIFF"
    assert "X-Voxport-Warnings" not in response.headers
