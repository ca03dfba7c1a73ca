"""`provider: auto` when one provider fails, and the cleanup at the failed one."""

from __future__ import annotations

from tests.support.hosted_env import HostedEnv
from voxport.billing.verify import verify
from voxport.providers.base import VoiceRef
from voxport.testing.doubles import Fault


def test_a_temporary_voice_at_the_provider_that_failed_is_removed_though_local_speaks(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/", method="DELETE", status=503, body=None, times=99))
    recording = hosted_env.client.http.get(hosted_env.upload()).content[: 44 + 2 * 24_000 * 5]  # too short for MiniMax
    audio_url = hosted_env.client.upload(recording)["public_url"]
    body = {"audioUrl": audio_url, "text": "Hi there.", "provider": "auto"}
    answer = hosted_env.client.post("/v1/proxy/core-instant-clone-tts", body)
    assert (answer.status_code, answer.headers["X-Provider"]) == (200, "local")
    assert len(hosted_env.elevenlabs.voices) == 1
    hosted_env.elevenlabs.faults.clear()
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert verify(hosted_env.gateway.database) == []


def test_a_sample_that_one_provider_finds_unusable_on_rebuilding_is_spoken_by_the_next(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    hosted_env.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(hosted_env.elevenlabs.voices))))
    hosted_env.elevenlabs.account.requires_verification = True
    assert hosted_env.speak(voice_id).json()["error"]["code"] == "sample_unusable"
    answer = hosted_env.speak(voice_id, provider="auto")
    assert (answer.status_code, answer.json()["data"]["provider"]) == (200, "minimax")
