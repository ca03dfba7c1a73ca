"""Calls of the official SDK against the double, to show that it responds as the real service does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core import ApiError
from elevenlabs.errors import UnprocessableEntityError

from tests.support.audio_features import decoded
from tests.testing.conftest import ELEVEN_KEY, recording
from voxport.testing.doubles import ElevenLabsDouble, Fault, identify, serve_app

RACHEL = "21m00Tcm4TlvDq8ikWAM"
TEXT = "The quick brown fox jumps over the lazy dog."
ONCE: Any = {"max_retries": 0}


@pytest.fixture
def sdk(elevenlabs: ElevenLabsDouble) -> Iterator[ElevenLabs]:
    with serve_app(elevenlabs.app) as url:
        yield ElevenLabs(base_url=url, api_key=ELEVEN_KEY, timeout=30)


def clone(sdk: ElevenLabs, name: str = "Ada") -> str:
    files = [("sample.wav", io.BytesIO(recording()), "audio/wav")]
    created = sdk.voices.ivc.create(name=name, files=files, labels={"language": "en"}, request_options=ONCE)
    assert created.requires_verification is False
    voice_id: str = created.voice_id
    return voice_id


def test_ivc_create_and_voices_get_and_delete(elevenlabs: ElevenLabsDouble, sdk: ElevenLabs) -> None:
    voice_id = clone(sdk)
    voice = sdk.voices.get(voice_id)
    assert (voice.name, voice.category, voice.labels) == ("Ada", "cloned", {"language": "en"})
    assert sdk.voices.delete(voice_id).status == "ok"
    assert elevenlabs.voices == {}


def test_ivc_create_without_labels_sends_a_null(sdk: ElevenLabs) -> None:
    files = [("sample.wav", io.BytesIO(recording()), "audio/wav")]
    voice_id = sdk.voices.ivc.create(name="Ada", files=files).voice_id
    assert sdk.voices.get(voice_id).labels == {}


def test_convert_and_its_headers(elevenlabs: ElevenLabsDouble, sdk: ElevenLabs) -> None:
    voice_id = clone(sdk)
    audio = b"".join(sdk.text_to_speech.convert(voice_id, text=TEXT, output_format="mp3_44100_128"))
    assert identify(decoded(audio)) == elevenlabs.voices[voice_id].mark
    with sdk.text_to_speech.with_raw_response.convert(voice_id, text=TEXT) as raw:
        assert raw.headers["character-cost"] == str(len(TEXT))
        assert b"".join(raw.data)


def test_stream(sdk: ElevenLabs) -> None:
    streamed = b"".join(sdk.text_to_speech.stream(RACHEL, text=TEXT, output_format="pcm_24000"))
    assert streamed == b"".join(sdk.text_to_speech.convert(RACHEL, text=TEXT, output_format="pcm_24000"))


def test_convert_and_stream_with_timestamps(sdk: ElevenLabs) -> None:
    whole = sdk.text_to_speech.convert_with_timestamps(RACHEL, text=TEXT, request_options=ONCE)
    assert whole.alignment is not None
    assert "".join(whole.alignment.characters) == TEXT
    parts = list(sdk.text_to_speech.stream_with_timestamps(RACHEL, text=TEXT))
    assert len(parts) > 1
    assert all(part.audio_base_64 for part in parts)


def test_voices_search_and_get_all(sdk: ElevenLabs) -> None:
    created = {clone(sdk, f"Voice {number}") for number in range(3)}
    seen: set[str] = set()
    token = None
    while True:
        page = sdk.voices.search(page_size=2, next_page_token=token)
        seen |= {voice.voice_id for voice in page.voices}
        if not page.has_more:
            break
        token = page.next_page_token
    assert created < seen
    assert {voice.voice_id for voice in sdk.voices.get_all().voices} == seen


def test_models_list_and_subscription_get(sdk: ElevenLabs) -> None:
    longest = {one.model_id: one.maximum_text_length_per_request for one in sdk.models.list()}
    assert longest["eleven_multilingual_v2"] == 10_000
    plan = sdk.user.subscription.get()
    assert (plan.tier, plan.can_use_instant_voice_cloning, plan.voice_limit) == ("creator", True, 30)


def test_dubbing_create_get_and_audio(elevenlabs: ElevenLabsDouble, sdk: ElevenLabs) -> None:
    created = sdk.dubbing.create(file=("a.wav", io.BytesIO(recording()), "audio/wav"), target_lang="es")
    with pytest.raises(ApiError) as early:
        b"".join(sdk.dubbing.audio.get(created.dubbing_id, "es"))
    assert early.value.status_code == 425
    elevenlabs.clock.advance(seconds=61)
    assert sdk.dubbing.get(created.dubbing_id).status == "dubbed"
    assert b"".join(sdk.dubbing.audio.get(created.dubbing_id, "es"))


def test_errors_arrive_as_the_sdk_s_own(elevenlabs: ElevenLabsDouble, sdk: ElevenLabs) -> None:
    with pytest.raises(UnprocessableEntityError):
        sdk.voices.ivc.create(name="Ada", files=[], request_options=ONCE)
    with pytest.raises(ApiError) as unknown:
        b"".join(sdk.text_to_speech.convert("alloy", text=TEXT))
    assert unknown.value.status_code == 404
    elevenlabs.account.keys.clear()
    with pytest.raises(ApiError) as locked:
        sdk.user.subscription.get(request_options=ONCE)
    assert locked.value.body["detail"]["status"] == "invalid_api_key"


def test_its_retry_forgets_the_name_so_that_we_don_t_use_it(elevenlabs: ElevenLabsDouble, sdk: ElevenLabs) -> None:
    """The bug in PROVIDERS.md section 1.8, the reason for an adapter without the SDK."""
    elevenlabs.faults.add(Fault("/v1/voices/add", status=503, body=None))
    files = [("sample.wav", io.BytesIO(recording()), "audio/wav")]
    with pytest.raises(UnprocessableEntityError):
        sdk.voices.ivc.create(name="Ada", files=files)
