"""watermark/detect: recognizes speech of the local engine in every format, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from benchmarks.raw_client import Client as LiveClient
from tests.support.client import GatewayClient, error_of
from tests.support.speechlike import speechlike
from tests.test_recordings import SPEECH
from voxport.audio.codec.encode import encode_file
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.codec.wav import to_pcm16
from voxport.engine.watermark import add_watermark
from voxport.testing.running_gateway import LiveGateway

DETECT = "/v1/watermark/detect"


def uploaded(client: GatewayClient, audio: np.ndarray[Any, Any], output_format: str = "wav") -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken"
        encode_file([to_pcm16(audio)], output_format, path, ffmpeg=find_ffmpeg())
        url: str = client.upload(path.read_bytes())["public_url"]
    return url


def detected(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (set(body), body["status"]) == ({"status", "data"}, "success")
    assert set(body["data"]) == {"watermarked", "confidence"}
    data: dict[str, Any] = body["data"]
    return data


@pytest.mark.parametrize("output_format", ["wav", "mp3", "ogg", "flac"])
def test_marked_audio_is_known_again_and_it_is_free(client: GatewayClient, output_format: str) -> None:
    data = detected(client.post(DETECT, {"audioUrl": uploaded(client, add_watermark(speechlike(4)), output_format)}))
    assert data["watermarked"] is True
    assert data["confidence"] > 0.99
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_the_same_audio_without_the_mark_is_not_taken_for_it(client: GatewayClient) -> None:
    data = detected(client.post(DETECT, {"audioUrl": uploaded(client, speechlike(4))}))
    assert data["watermarked"] is False
    assert data["confidence"] < 0.01


@pytest.mark.parametrize("audio", [np.zeros(48_000), speechlike(0.1)], ids=["silence", "a tenth of a second"])
def test_what_can_hold_no_mark_has_none(client: GatewayClient, audio: np.ndarray[Any, Any]) -> None:
    assert detected(client.post(DETECT, {"audioUrl": uploaded(client, audio)})) == {
        "watermarked": False,
        "confidence": 0.0,
    }


def test_it_needs_a_key(client: GatewayClient) -> None:
    answer = client.http.post(DETECT, json={"audioUrl": "https://media.example.com/a.wav"})
    assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthenticated")


def test_it_needs_no_credits(client: GatewayClient) -> None:
    poor = client.another_customer(credits="0")
    assert detected(poor.post(DETECT, {"audioUrl": uploaded(poor, speechlike(2))}))["watermarked"] is False


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.wav", "http://169.254.169.254/", "file:///etc/passwd", "a.wav"])
def test_a_url_that_may_not_be_fetched_is_refused(client: GatewayClient, url: str) -> None:
    answer = client.post(DETECT, {"audioUrl": url})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "audio_url_unusable")


def test_the_upload_of_another_profile_is_not_found(client: GatewayClient) -> None:
    answer = client.another_customer().post(DETECT, {"audioUrl": uploaded(client, speechlike(2))})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "media_not_found")


def test_what_is_no_audio_is_an_unusable_sample(client: GatewayClient) -> None:
    answer = client.post(DETECT, {"audioUrl": client.upload(b"just some words")["public_url"]})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "sample_unusable")
    assert error_of(answer)["details"]["reason"] == "not_media"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"audio_url": "https://media.example.com/a.wav"}, "did you mean `audioUrl`?"),
        ({"audioUrl": "https://media.example.com/a.wav", "threshold": 0.5}, "threshold"),
        ({"audioUrl": ""}, "audioUrl"),
        ({}, "audioUrl"),
    ],
)
def test_a_body_of_another_shape_is_refused(client: GatewayClient, body: dict[str, Any], hint: str) -> None:
    answer = client.post(DETECT, body)
    assert answer.status_code == 422
    assert hint in error_of(answer)["message"]


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["mp3", "wav", "ogg", "flac"])
def test_what_core_tts_spoke_is_known_by_its_own_url_and_from_outside(
    live: LiveGateway, tmp_path: Path, output_format: str
) -> None:
    with LiveClient(live.url, live.key) as client:
        body = {
            "text": "The ferry leaves the island at seven in the morning, and the village waves goodbye.",
            "voice_id": "af_heart",
            "provider": "local",
            "output_format": output_format,
        }
        own = client.call("POST", "/v1/proxy/core-tts", body)["data"]["url"]
        file = tmp_path / f"spoken.{output_format}"
        file.write_bytes(httpx2.get(own, timeout=60).content)
        for url in (own, client.upload(file)):
            data = client.call("POST", DETECT, {"audioUrl": url})["data"]
            assert data["watermarked"] is True
            assert data["confidence"] > 0.9


@pytest.mark.slow
def test_a_real_recording_is_not_taken_for_our_own(live: LiveGateway) -> None:
    if not SPEECH.is_dir():
        pytest.skip("the folder of recordings is not here; set VOXPORT_SPEECH_DIR")
    with LiveClient(live.url, live.key) as client:
        for name in ("media/speech_64k.m4a", "cohort/F_2007-132570-0000.flac", "media/video_still_speech.mp4"):
            data = client.call("POST", DETECT, {"audioUrl": client.upload(SPEECH / name)})["data"]
            assert data["watermarked"] is False
            assert data["confidence"] < 0.01
