"""A voice that its provider no longer has is rebuilt, and sounds the same."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
import pytest

from tests.support.client import error_of
from tests.support.hosted_env import HostedEnv
from voxport.providers.base import VoiceRef
from voxport.testing.doubles import Fault

PROVIDERS = ["elevenlabs", "minimax"]


def marks(hosted_env: HostedEnv, provider: str) -> set[int]:
    return {voice.mark for voice in getattr(hosted_env, provider).voices.values()}


def cloned_and_heard(hosted_env: HostedEnv, count: int) -> dict[str, int | None]:
    """Clone `count` speakers, and speak with each before the next is cloned. Returns the marks heard, by voice_id."""
    voices = (hosted_env.clone("elevenlabs", speaker=number) for number in range(count))
    return {voice_id: hosted_env.spoken_mark(hosted_env.speak(voice_id)) for voice_id in voices}


def heard_at_once(hosted_env: HostedEnv, voices: Iterable[str]) -> dict[str, int | None]:
    """Speak with all these voices concurrently. Returns the marks heard, by voice_id."""
    marks_heard: dict[str, int | None] = {}
    threads = [
        threading.Thread(
            target=lambda voice_id=voice_id: marks_heard.update(
                {voice_id: hosted_env.spoken_mark(hosted_env.speak(voice_id))}
            )
        )
        for voice_id in voices
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return marks_heard


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_voice_that_is_gone_is_made_again(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider)
    (mark,) = marks(hosted_env, provider)
    double = getattr(hosted_env, provider)
    for number in range(3):
        (before,) = double.voices
        hosted_env.gateway.providers.get(provider).delete(VoiceRef(before))
        answer = hosted_env.speak(voice_id)
        assert hosted_env.spoken_mark(answer) == mark, number
        assert answer.json()["data"]["voice_id"] == voice_id
        (after,) = double.voices
        assert after != before
    hosted_env.run_sweeps()
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert len([row for row in hosted_env.client.get("/v2/billing/ledger").json()["data"] if row["tokens"] == -5]) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_survives_it_too(hosted_env: HostedEnv, provider: str) -> None:
    voice_id = hosted_env.clone(provider)
    (mark,) = marks(hosted_env, provider)
    hosted_env.gateway.providers.get(provider).delete(VoiceRef(next(iter(getattr(hosted_env, provider).voices))))
    assert hosted_env.spoken_mark(hosted_env.speak(voice_id, stream=True)) == mark


def test_callers_that_come_at_once_make_it_once(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(hosted_env.elevenlabs.voices))))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(hosted_env.speak(voice_id).status_code)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert len(hosted_env.elevenlabs.voices) == 1


def test_an_unused_voice_is_kept_alive_for_a_while_and_made_again_later(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("minimax")
    (mark,) = marks(hosted_env, "minimax")
    for _ in range(100):
        hosted_env.clock.advance(days=1)
        hosted_env.run_sweeps()
    assert 15 <= len(hosted_env.minimax.spoken) <= 22, "every five days, for ninety days"
    assert len(hosted_env.minimax.activated) == 1
    hosted_env.clock.advance(days=8)
    assert hosted_env.spoken_mark(hosted_env.speak(voice_id)) == mark
    assert len(hosted_env.minimax.activated) == 2


def test_a_gateway_that_was_down_for_a_week_makes_the_voice_again(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("minimax")
    (mark,) = marks(hosted_env, "minimax")
    hosted_env.clock.advance(days=8)
    hosted_env.run_sweeps()
    assert hosted_env.spoken_mark(hosted_env.speak(voice_id)) == mark
    assert len(hosted_env.minimax.activated) == 2


def test_a_full_account_gives_back_the_voice_that_was_longest_not_used(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.account.voice_limit = 3
    voices, heard = [], {}
    for number in range(5):
        voice_id = hosted_env.clone("elevenlabs", speaker=number)
        heard[voice_id] = hosted_env.spoken_mark(hosted_env.speak(voice_id))
        voices.append(voice_id)
        hosted_env.clock.advance(seconds=60)
    assert len(set(heard.values())) == 5
    assert marks(hosted_env, "elevenlabs") == {heard[voice_id] for voice_id in voices[-3:]}
    assert hosted_env.spoken_mark(hosted_env.speak(voices[0])) == heard[voices[0]]
    assert marks(hosted_env, "elevenlabs") == {heard[voices[n]] for n in (0, 3, 4)}
    assert hosted_env.gateway.provider_calls.list_all() == []


def test_more_voices_at_once_than_there_are_slots_wait_for_each_other(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.account.voice_limit = 2
    heard = cloned_and_heard(hosted_env, 5)
    hosted_env.elevenlabs.account.latency = 0.1
    assert heard_at_once(hosted_env, heard) == heard
    assert len(hosted_env.elevenlabs.voices) == 2


def test_no_caller_loses_the_slot_that_it_made_free(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.account.voice_limit = 1
    heard = cloned_and_heard(hosted_env, 4)
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", times=1_000, delay_seconds=0.1))
    assert heard_at_once(hosted_env, heard) == heard


def test_nobody_else_s_voice_is_given_back(hosted_env: HostedEnv) -> None:
    provider = hosted_env.gateway.providers.get("elevenlabs")
    hosted_env.elevenlabs.account.voice_limit = 2
    theirs = [
        provider.clone(np.full(24_000, n / 10, np.float32), voice_id=f"n{n}", instant=False, on_progress=lambda _: None)
        for n in (1, 2)
    ]
    answer = hosted_env.instant("elevenlabs")
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "provider_unavailable"
    assert "as many voices" in error_of(answer)["message"]
    assert set(hosted_env.elevenlabs.voices) == {one.provider_voice_id for one in theirs}
    assert hosted_env.client.balance()["balance"] == 100


def test_a_voice_can_be_made_at_another_provider(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    (mark,) = marks(hosted_env, "elevenlabs")
    path = f"/v1/voices/{voice_id}/bindings"
    assert hosted_env.speak(voice_id, provider="minimax").status_code == 400
    job = hosted_env.run(hosted_env.client.post(path, {"provider": "minimax"}))
    assert job["status"] == "completed", job
    assert (job["result_data"]["voice_id"], job["result_data"]["provider"]) == (voice_id, "minimax")
    assert (job["service"], job["token_cost"]) == ("core-voice-clone", 5.0)
    for provider in PROVIDERS:
        answer = hosted_env.speak(voice_id, provider=provider)
        assert hosted_env.spoken_mark(answer) == mark
        assert answer.json()["data"]["provider"] == provider
    assert hosted_env.speak(voice_id).json()["data"]["provider"] == "elevenlabs", "its own, where none is named"
    listed = hosted_env.client.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
    assert [one["provider"] for one in listed] == PROVIDERS
    assert error_of(hosted_env.client.post(path, {"provider": "minimax"}))["code"] == "already_bound"
    assert hosted_env.client.another_customer().post(path, {"provider": "minimax"}).status_code == 404
    assert hosted_env.client.delete(f"/v1/voices/{voice_id}").json()["data"]["left"] == []
    assert not hosted_env.elevenlabs.voices
    assert not hosted_env.minimax.voices


def test_a_voice_that_is_deleted_while_it_is_bound_leaves_nothing(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    accepted = hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"})
    assert hosted_env.client.delete(f"/v1/voices/{voice_id}").status_code == 200
    job = hosted_env.run(accepted)
    assert job["status"] == "failed"
    hosted_env.run_sweeps()
    assert not hosted_env.minimax.voices
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.client.balance()["balance"] == 95


def test_a_voice_of_the_local_engine_gets_a_binding_too(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("local")
    job = hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "elevenlabs"}))
    assert job["status"] == "completed", job
    assert hosted_env.spoken_mark(hosted_env.speak(voice_id, provider="elevenlabs")) == next(
        iter(marks(hosted_env, "elevenlabs"))
    )
    assert hosted_env.speak(voice_id, provider="local").json()["data"]["provider"] == "local"


def test_auto_goes_on_to_the_next_provider_that_has_the_voice(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    (mark,) = marks(hosted_env, "elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    assert hosted_env.speak(voice_id, provider="auto").json()["data"]["provider"] == "elevenlabs"
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    assert hosted_env.speak(voice_id).status_code == 503, "only when asked"
    answer = hosted_env.speak(voice_id, provider="auto")
    assert answer.json()["data"]["provider"] == "minimax"
    assert hosted_env.spoken_mark(answer) == mark
    stream = hosted_env.speak(voice_id, provider="auto", stream=True)
    assert stream.headers["X-Provider"] == "minimax"
    assert hosted_env.held() == 0
    assert hosted_env.gateway.provider_calls.list_all() == []


def test_auto_never_speaks_with_another_voice_and_never_twice_for_an_unknown_outcome(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    spoken = len(hosted_env.minimax.spoken)
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", drop_response=True))
    assert hosted_env.speak(voice_id, provider="auto").status_code == 504
    assert len(hosted_env.minimax.spoken) == spoken
    only = hosted_env.clone("elevenlabs", speaker=1)
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    assert hosted_env.speak(only, provider="auto").status_code == 503


def test_auto_clones_at_the_first_that_can(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", status=503, body=None, times=99))
    answer = hosted_env.instant("auto")
    assert answer.headers["X-Provider"] == "minimax"
    voice_id = hosted_env.clone("auto")
    assert hosted_env.speak(voice_id).json()["data"]["provider"] == "minimax"
    assert not hosted_env.elevenlabs.voices
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert hosted_env.gateway.provider_calls.list_all() == []
