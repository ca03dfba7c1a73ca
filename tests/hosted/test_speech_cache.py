"""The speech cache with hosted providers: voices that are made again, other models, failover."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.support.client import open_client
from tests.support.hosted_env import ELEVENLABS_KEY, HostedEnv, UncheckedSamples, open_hosted_env
from voxport.billing.verify import verify
from voxport.providers.base import VoiceRef
from voxport.providers.elevenlabs import ElevenLabs
from voxport.testing.doubles import Fault


@pytest.fixture
def caching(make_gateway: MakeGateway) -> Iterator[HostedEnv]:
    with open_hosted_env(make_gateway, speech_cache=True) as opened:
        yield opened


def is_hit(answer: httpx2.Response) -> bool:
    assert answer.status_code == 200, answer.text
    return answer.headers.get("X-Gateway-Cache") == "hit"


@pytest.mark.parametrize("provider", ["elevenlabs", "minimax"])
def test_a_voice_that_was_made_again_never_answers_from_it(caching: HostedEnv, provider: str) -> None:
    voice_id = caching.clone(provider)
    first = caching.speak(voice_id)
    assert is_hit(caching.speak(voice_id))
    (before,) = getattr(caching, provider).voices
    caching.gateway.providers.get(provider).delete(VoiceRef(before))
    # The gateway learns of it when it speaks something else, and makes the voice again.
    assert not is_hit(caching.speak(voice_id, text="Something else."))
    again = caching.speak(voice_id)
    assert not is_hit(again)
    assert again.json()["data"]["key"] != first.json()["data"]["key"]
    assert caching.speak(voice_id).json()["data"]["key"] == again.json()["data"]["key"]
    assert verify(caching.gateway.database) == []


def test_a_voice_that_is_made_again_during_the_call_does_not_answer_for_the_old_one(caching: HostedEnv) -> None:
    voice_id = caching.clone("elevenlabs")
    caching.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(caching.elevenlabs.voices))))
    assert not is_hit(caching.speak(voice_id))
    assert not is_hit(caching.speak(voice_id))
    assert is_hit(caching.speak(voice_id))


def test_a_hit_asks_the_provider_nothing(caching: HostedEnv) -> None:
    voice_id = caching.clone("elevenlabs")
    caching.speak(voice_id)
    caching.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    assert is_hit(caching.speak(voice_id))
    assert caching.held() == 0
    assert caching.gateway.provider_calls.list_all() == []


def test_another_model_of_the_provider_speaks_again(caching: HostedEnv, make_gateway: MakeGateway) -> None:
    voice_id = caching.clone("elevenlabs")
    first = caching.speak(voice_id)

    def speak_with(model: str) -> httpx2.Response:
        provider = ElevenLabs(
            ELEVENLABS_KEY, base_url=caching.elevenlabs_url, tag="t1", max_text_length=5_000, model=model
        )
        gateway = make_gateway(
            providers=[provider],
            samples=UncheckedSamples,
            data_dir=caching.gateway.settings.data_dir,
            speech_cache=True,
        )
        client = open_client(gateway)
        client.key = caching.client.key
        body = {"text": "The ferry leaves the island at seven in the morning.", "voice_id": voice_id}
        return client.post("/v1/proxy/core-tts", {**body, "output_format": "wav"})

    assert not is_hit(speak_with("eleven_flash_v2_5"))
    same = speak_with("eleven_multilingual_v2")
    assert is_hit(same)
    assert same.json()["data"]["key"] == first.json()["data"]["key"]


def test_a_call_that_failed_over_answers_for_the_provider_that_spoke(caching: HostedEnv) -> None:
    voice_id = caching.clone("elevenlabs")
    caching.run(caching.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    caching.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    spoken = caching.speak(voice_id, provider="auto")
    assert spoken.json()["data"]["provider"] == "minimax"
    caching.elevenlabs.faults.clear()
    named = caching.speak(voice_id, provider="minimax")
    assert is_hit(named)
    assert named.json()["data"]["key"] == spoken.json()["data"]["key"]
    first_choice = caching.speak(voice_id, provider="auto")
    assert not is_hit(first_choice)
    assert first_choice.json()["data"]["provider"] == "elevenlabs"
    assert is_hit(caching.speak(voice_id, provider="auto"))
    assert is_hit(caching.speak(voice_id, provider="elevenlabs"))
