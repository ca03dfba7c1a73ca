"""A stream of a hosted provider is passed on as the provider encodes it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.hosted_env import HostedEnv
from voxport.audio.codec.mp3_frames import Mp3Meter
from voxport.billing.verify import verify
from voxport.testing.doubles import Fault

TEXT = "The ferry leaves the island at seven in the morning."
SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
STOCK = {"elevenlabs": "21m00Tcm4TlvDq8ikWAM", "minimax": "English_expressive_narrator"}
PROVIDERS = list(SPEECH)


def stream(env: HostedEnv, provider: str, output_format: str, text: str = TEXT) -> bytes:
    body = {"text": text, "voice_id": STOCK[provider], "provider": provider, "stream": True}
    answer = env.client.post("/v1/proxy/core-tts", {**body, "output_format": output_format})
    assert answer.status_code == 200, answer.text
    return answer.content


def charged_seconds(env: HostedEnv) -> Decimal:
    (row,) = [one for one in env.client.get("/v2/billing/ledger").json()["data"] if one["kind"] == "capture"]
    return Decimal(str(row["units"]))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_mp3_comes_as_the_provider_made_it_and_its_seconds_are_charged(hosted_env: HostedEnv, provider: str) -> None:
    content = stream(hosted_env, provider, "mp3")
    meter = Mp3Meter()
    meter.feed(content)
    meter.end()
    assert abs(float(charged_seconds(hosted_env)) - meter.seconds) <= 0.051
    assert hosted_env.held() == 0
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wav_is_a_header_and_the_providers_samples(hosted_env: HostedEnv, provider: str) -> None:
    content = stream(hosted_env, provider, "wav")
    assert content[:4] == b"RIFF" and content[44:48] != b"RIFF"
    assert abs(float(charged_seconds(hosted_env)) - (len(content) - 44) / 48_000) <= 0.051


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("output_format", ["wav", "mp3"])
def test_what_is_silent_or_no_audio_is_an_error_and_costs_nothing(
    hosted_env: HostedEnv, provider: str, output_format: str
) -> None:
    getattr(hosted_env, provider).faults.add(Fault(SPEECH[provider], silence=True))
    body = {"text": TEXT, "voice_id": STOCK[provider], "provider": provider, "stream": True}
    answer = hosted_env.client.post("/v1/proxy/core-tts", {**body, "output_format": output_format})
    assert answer.status_code == 502, answer.text
    assert hosted_env.client.balance()["balance"] == 100
    assert hosted_env.held() == 0
