"""Removal of voices at a provider that hangs or drips."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support.hosted_env import HostedEnv
from tests.support.server import serving, wait_until
from voxport.errors import ProviderUnavailable
from voxport.providers import billed_client, upstream
from voxport.providers.base import ClonedVoice, VoiceRef
from voxport.testing.doubles import Fault
from voxport.testing.doubles.elevenlabs import ElevenLabsVoice

VOICES = "/v1/voices"
LANE = 8
"""Maximum number of concurrent free requests to one provider."""


def registered(hosted_env: HostedEnv, number: int) -> str:
    """Register a clone as if it had been created at ElevenLabs."""
    voice_id = f"{number:020d}"
    with hosted_env.gateway.database.transaction() as tx:
        hosted_env.gateway.voices.register(
            tx,
            profile_id=hosted_env.client.profile_id,
            voice_id=voice_id,
            name="A voice",
            description="",
            provider="elevenlabs",
            cloned=ClonedVoice(voice_id, "en"),
            file_key=None,
            sample_key=f"samples/{voice_id}.flac",
            remote_name=voice_id,
        )
    return voice_id


class FakeTime:
    """Replaces the module `time` of `providers.billed_client`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The clock that measures how long a provider hangs."""
    monkeypatch.setattr(billed_client, "time", clock := FakeTime())
    return clock


def test_a_hundred_removals_at_a_provider_that_hangs_hold_up_no_other_call_and_wait_for_one_time_out(
    hosted_env: HostedEnv, hands: FakeTime
) -> None:
    voices = [registered(hosted_env, number) for number in range(60)]
    ended = threading.Event()  # ends the wait for a response
    hosted_env.elevenlabs.faults.add(Fault(VOICES, method="DELETE", until=ended, dropped=True, times=1000))
    with (
        serving(hosted_env.client) as port,
        ThreadPoolExecutor(60) as pool,
        httpx2.Client(verify=False, timeout=300) as http,
    ):  # no TLS
        url = f"http://127.0.0.1:{port}"

        def delete(voice_id: str) -> httpx2.Response:
            return http.delete(f"{url}{VOICES}/{voice_id}", headers=hosted_env.client.headers)

        hanging = [pool.submit(delete, voice_id) for voice_id in voices]
        try:
            wait_until(lambda: len(deletions(hosted_env)) == LANE, seconds=60, what="as many as are asked at once")
            balance = http.get(f"{url}/v2/billing/balance", headers=hosted_env.client.headers)
            assert not any(one.done() for one in hanging), "the balance came while all of them were waited for"
        finally:
            hands.now = 10.0
            ended.set()
        answers = [one.result() for one in hanging]
    assert balance.status_code == 200
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["data"]["left"] for answer in answers)
    requested = len(deletions(hosted_env))
    assert requested <= LANE * 3
    hosted_env.gateway.sweeps.clear_pauses()
    assert hosted_env.gateway.voices.sweep_deleted() == 0
    assert len(deletions(hosted_env)) == requested


def deletions(hosted_env: HostedEnv) -> list[str]:
    return [path for method, path in hosted_env.elevenlabs.requests if method == "DELETE"]


def test_a_provider_that_hung_is_asked_again_after_a_while(hosted_env: HostedEnv, hands: FakeTime) -> None:
    one = hosted_env.gateway.providers.get("elevenlabs")
    # each request takes ten seconds
    hosted_env.elevenlabs.on_request = lambda *_: setattr(hands, "now", hands.now + 10)
    hosted_env.elevenlabs.faults.add(Fault(VOICES, method="DELETE", drop_response=True, times=3))
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            one.delete(VoiceRef("0" * 20))
    assert len(deletions(hosted_env)) == 3
    hands.now += 60
    one.delete(VoiceRef("0" * 20))


def test_an_answer_that_drips_ends_a_free_question(hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_FREE_TOTAL_SECONDS", 0.1)
    for number in range(10):  # a list of several KiB
        hosted_env.elevenlabs.voices[str(number)] = ElevenLabsVoice(str(number), "Other", "cloned", 1, {}, None, 0)
    hosted_env.elevenlabs.faults.add(Fault("/v2/voices", drip_seconds=0.3, times=1000))
    with pytest.raises(ProviderUnavailable):
        hosted_env.gateway.providers.get("elevenlabs").forget("nobody")
    assert len([path for _, path in hosted_env.elevenlabs.requests if path == "/v2/voices"]) <= 2
