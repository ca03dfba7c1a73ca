"""Voices that are to be removed at a provider that hangs or drips."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support.hosted import House
from tests.support.server import serving, wait_until
from voxport.errors import ProviderUnavailable
from voxport.providers import billed_client as hosted
from voxport.providers import upstream
from voxport.providers.base import ClonedVoice, VoiceRef
from voxport.testing.doubles import Fault
from voxport.testing.doubles.elevenlabs import ElevenVoice

VOICES = "/v1/voices"
LANE = 8
"""Free questions to one provider at once."""


def registered(home: House, number: int) -> str:
    """A clone's row, as if it had been made at ElevenLabs."""
    voice_id = f"{number:020d}"
    with home.gateway.database.transaction() as tx:
        home.gateway.voices.register(
            tx,
            profile_id=home.client.profile_id,
            voice_id=voice_id,
            name="A voice",
            description="",
            provider="elevenlabs",
            cloned=ClonedVoice(voice_id, "en"),
            file_key=None,
            sample_key=f"samples/{voice_id}.flac",
            made_as=voice_id,
        )
    return voice_id


class Time:
    """In place of the module `time` of `providers.hosted`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The hands of the clock by which a provider hangs."""
    monkeypatch.setattr(hosted, "time", clock := Time())
    return clock


def test_a_hundred_removals_at_a_provider_that_hangs_hold_up_no_other_call_and_wait_for_one_time_out(
    home: House, hands: Time
) -> None:
    voices = [registered(home, number) for number in range(60)]
    ended = threading.Event()  # of the wait for an answer
    home.elevenlabs.faults.add(Fault(VOICES, method="DELETE", until=ended, dropped=True, times=1000))
    with (
        serving(home.client) as port,
        ThreadPoolExecutor(60) as pool,
        httpx2.Client(verify=False, timeout=300) as http,
    ):  # no TLS
        url = f"http://127.0.0.1:{port}"

        def delete(voice_id: str) -> httpx2.Response:
            return http.delete(f"{url}{VOICES}/{voice_id}", headers=home.client.headers)

        hanging = [pool.submit(delete, voice_id) for voice_id in voices]
        try:
            wait_until(lambda: len(deletions(home)) == LANE, seconds=60, what="as many as are asked at once")
            balance = http.get(f"{url}/v2/billing/balance", headers=home.client.headers)
            assert not any(one.done() for one in hanging), "the balance came while all of them were waited for"
        finally:
            hands.now = 10.0
            ended.set()
        answers = [one.result() for one in hanging]
    assert balance.status_code == 200
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["data"]["left"] for answer in answers)
    asked = len(deletions(home))
    assert asked <= LANE * 3
    home.gateway.sweeps.wake()
    assert home.gateway.voices.sweep_hidden() == 0
    assert len(deletions(home)) == asked


def deletions(home: House) -> list[str]:
    return [path for method, path in home.elevenlabs.requests if method == "DELETE"]


def test_a_provider_that_hung_is_asked_again_after_a_while(home: House, hands: Time) -> None:
    one = home.gateway.providers.get("elevenlabs")
    home.elevenlabs.watch = lambda *_: setattr(hands, "now", hands.now + 10)  # each question takes ten seconds
    home.elevenlabs.faults.add(Fault(VOICES, method="DELETE", lost=True, times=3))
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            one.delete(VoiceRef("0" * 20))
    assert len(deletions(home)) == 3
    hands.now += 60
    one.delete(VoiceRef("0" * 20))


def test_an_answer_that_drips_ends_a_free_question(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "_FREE_WHOLE_SECONDS", 0.1)
    for number in range(10):  # a list of several KiB
        home.elevenlabs.voices[str(number)] = ElevenVoice(str(number), "Other", "cloned", 1, {}, None, 0)
    home.elevenlabs.faults.add(Fault("/v2/voices", drip=0.3, times=1000))
    with pytest.raises(ProviderUnavailable):
        home.gateway.providers.get("elevenlabs").forget("nobody")
    assert len([path for _, path in home.elevenlabs.requests if path == "/v2/voices"]) <= 2
