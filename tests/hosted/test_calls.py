"""Cloning, speech and deletion at a hosted provider, through the API."""

from __future__ import annotations

import io
import wave

import pytest

from tests.support.client import error_of
from tests.support.hosted_env import INSTANT, TTS, HostedEnv
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

PROVIDERS = ["elevenlabs", "minimax"]


def voices_at(hosted_env: HostedEnv, provider: str) -> list[str]:
    return list(getattr(hosted_env, provider).voices)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_clone_is_one_voice_and_speaks_in_it(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider, speaker=1)
    (there,) = voices_at(hosted_env, provider)
    assert voice_id not in (there,), "the provider's ids stay inside"
    answer = hosted_env.speak(voice_id, provider=provider)
    assert hosted_env.spoken_mark(answer) == getattr(hosted_env, provider).voices[there].mark
    data = answer.json()["data"]
    assert (data["provider"], data["voice_id"]) == (provider, voice_id)
    assert answer.json()["cost"]["tokens"] == pytest.approx(data["duration_seconds"] / 100)
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_instant_clone_is_a_wav_and_leaves_no_voice(hosted_env: HostedEnv, provider: str) -> None:
    answer = hosted_env.instant(provider)
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert file.getnframes() > 24_000
    assert answer.headers["X-Provider"] == provider
    assert answer.headers["X-Gateway-Token-Cost"] == "2.000000"
    assert voices_at(hosted_env, provider) == []
    assert hosted_env.client.balance() == {"balance": 98.0, "credits": 98.0, "held": 0.0, "currency": "token"}
    assert hosted_env.gateway.provider_calls.list_all() == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("form", ["mp3", "ogg", "flac", "pcm"])
def test_what_the_provider_returns_becomes_what_was_asked_for(hosted_env: HostedEnv, provider: str, form: str) -> None:
    stock = hosted_env.client.get(f"/v1/proxy/core-tts-voices?provider={provider}").json()["data"]["voices"][0]
    answer = hosted_env.speak(stock["voice_id"], output_format=form)
    assert answer.status_code == 200, answer.text
    content = hosted_env.client.http.get(answer.json()["data"]["url"]).content
    starts = {"mp3": (b"\xff", b"ID3"), "ogg": (b"OggS",), "flac": (b"fLaC",), "pcm": (b"",)}
    assert content.startswith(starts[form])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_says_who_speaks_and_is_charged(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider)
    answer = hosted_env.speak(voice_id, stream=True, output_format="wav")
    assert answer.status_code == 200
    assert answer.headers["X-Provider"] == provider
    assert hosted_env.spoken_mark(answer) is not None
    assert hosted_env.held() == 0
    assert hosted_env.gateway.provider_calls.list_all() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_long_text_is_a_job_of_many_paid_calls(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider)
    text = "This is one of many sentences of a long text, and it goes on. " * 90
    body = {"text": text, "voice_id": voice_id, "output_format": "wav"}
    job = hosted_env.run(hosted_env.client.post(TTS, body, headers={"Prefer": "respond-async"}))
    assert job["status"] == "completed", job
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert hosted_env.held() == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_deleting_a_voice_removes_it_at_the_provider(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider)
    path = {"elevenlabs": "/v1/voices", "minimax": "/v1/delete_voice"}[provider]
    getattr(hosted_env, provider).faults.add(Fault(path, times=3, status=503, body=None))
    answer = hosted_env.client.delete(f"/v1/voices/{voice_id}").json()["data"]
    assert [left.split(":")[0] for left in answer["left"]] == [provider]
    assert hosted_env.speak(voice_id).status_code == 404
    hosted_env.run_sweeps()
    assert voices_at(hosted_env, provider) == []


def test_the_settings_of_a_voice_are_each_provider_s_own(hosted_env: HostedEnv) -> None:
    eleven, mini = hosted_env.clone("elevenlabs"), hosted_env.clone("minimax")
    settings = {"stability": 0.3, "similarity_boost": 0.9, "style": 0.1, "speed": 1.2}
    slow = hosted_env.speak(eleven, voice_settings={"speed": 0.6}).json()["data"]["duration_seconds"]
    assert hosted_env.speak(eleven, voice_settings=settings).json()["data"]["duration_seconds"] < slow / 1.5
    answer = hosted_env.speak(mini, voice_settings=settings)
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"used": ["speed"]}
    assert hosted_env.speak(mini, voice_settings={"speed": 1.5}).status_code == 200


def test_the_operator_s_own_voices_are_neither_listed_nor_spoken(hosted_env: HostedEnv) -> None:
    """The same holds for the voices of another gateway on the same account."""
    hosted_env.clone("elevenlabs")
    hosted_env.clone("minimax")
    other_customer = hosted_env.client.another_customer()
    listed = other_customer.get("/v1/proxy/core-tts-voices").json()["data"]["voices"]
    theirs = [*hosted_env.elevenlabs.voices, *hosted_env.minimax.voices]
    assert not {one["voice_id"] for one in listed} & set(theirs)
    for remote_id in theirs:
        for provider in (*PROVIDERS, None):
            body = {"text": "Hi", "voice_id": remote_id, "provider": provider}
            assert other_customer.post(TTS, body).status_code == 404


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_instant_clone_that_fails_midway_leaves_no_voice_and_costs_nothing(
    hosted_env: HostedEnv, provider: str
) -> None:
    path = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}[provider]
    getattr(hosted_env, provider).faults.add(Fault(path, status=503, body=None, times=5))
    answer = hosted_env.instant(provider)
    assert answer.status_code == 503
    assert voices_at(hosted_env, provider) == []
    assert hosted_env.client.balance()["balance"] == 100
    assert hosted_env.gateway.provider_calls.list_all() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_temporary_voice_that_could_not_be_removed_is_removed_later(hosted_env: HostedEnv, provider: str) -> None:
    path = {"elevenlabs": "/v1/voices/", "minimax": "/v1/delete_voice"}[provider]
    method = {"elevenlabs": "DELETE", "minimax": "POST"}[provider]
    getattr(hosted_env, provider).faults.add(Fault(path, method=method, status=503, body=None, times=3))
    assert hosted_env.instant(provider).status_code == 200
    assert len(voices_at(hosted_env, provider)) == 1
    assert [row.state for row in hosted_env.gateway.provider_calls.list_all()] == ["removing"]
    hosted_env.run_sweeps()
    assert voices_at(hosted_env, provider) == []
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert hosted_env.client.balance()["balance"] == 98


def test_the_circuit_is_seen_from_outside(hosted_env: HostedEnv) -> None:
    assert hosted_env.client.http.get("/readyz").json()["circuits"] == {"elevenlabs": "closed", "minimax": "closed"}
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=50))
    for _ in range(5):
        assert hosted_env.speak(voice_id).status_code == 503
    assert hosted_env.client.http.get("/readyz").json()["circuits"]["elevenlabs"] == "open"
    data = hosted_env.client.get("/v1/proxy/core-tts-voices").json()["data"]
    assert [warning.partition(":")[0] for warning in data["warnings"]] == ["The voices of elevenlabs are missing"]
    assert {one["provider"] for one in data["voices"] if not one["cloned"]} == {"minimax"}
    (shown,) = [one for one in data["providers"] if one["provider"] == "elevenlabs"]
    assert shown["available"] is False
    assert "tried again in" in shown["reason"]
    assert hosted_env.speak(voice_id).status_code == 503


def test_a_recording_that_the_provider_refuses_is_the_caller_s_to_change(hosted_env: HostedEnv) -> None:
    hosted_env.minimax.faults.add(
        Fault("/v1/voice_clone", status=200, body={"base_resp": {"status_code": 2037, "status_msg": "too short"}})
    )
    answer = hosted_env.client.post(INSTANT, {"audioUrl": hosted_env.upload(), "text": "Hi.", "provider": "minimax"})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "sample_unusable"
