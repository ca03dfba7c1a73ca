"""A voice that its provider no longer has speaks all the same, as the same voice."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
import pytest

from tests.support.client import error_of
from tests.support.hosted import House
from voxport.providers.base import VoiceRef
from voxport.testing.doubles import Fault

PROVIDERS = ["elevenlabs", "minimax"]


def marks(home: House, provider: str) -> set[int]:
    return {voice.mark for voice in getattr(home, provider).voices.values()}


def cloned_and_heard(home: House, count: int) -> dict[str, int | None]:
    """So many clones of different speakers, each spoken with before the next is made: the marks heard, by voice_id."""
    voices = (home.clone("elevenlabs", speaker=number) for number in range(count))
    return {voice_id: home.heard(home.say(voice_id)) for voice_id in voices}


def heard_at_once(home: House, voices: Iterable[str]) -> dict[str, int | None]:
    """The marks that callers hear who speak with these voices at the same time."""
    said: dict[str, int | None] = {}
    threads = [
        threading.Thread(target=lambda voice_id=voice_id: said.update({voice_id: home.heard(home.say(voice_id))}))
        for voice_id in voices
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_voice_that_is_gone_is_made_again(home: House, provider: str) -> None:
    voice_id = home.clone(provider)
    (mark,) = marks(home, provider)
    double = getattr(home, provider)
    for number in range(3):
        (before,) = double.voices
        home.gateway.providers.get(provider).delete(VoiceRef(before))
        answer = home.say(voice_id)
        assert home.heard(answer) == mark, number
        assert answer.json()["data"]["voice_id"] == voice_id
        (after,) = double.voices
        assert after != before
    home.tidy()
    assert home.gateway.intents.every() == []
    assert len([row for row in home.client.get("/v2/billing/ledger").json()["data"] if row["tokens"] == -5]) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_survives_it_too(home: House, provider: str) -> None:
    voice_id = home.clone(provider)
    (mark,) = marks(home, provider)
    home.gateway.providers.get(provider).delete(VoiceRef(next(iter(getattr(home, provider).voices))))
    assert home.heard(home.say(voice_id, stream=True)) == mark


def test_callers_that_come_at_once_make_it_once(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(home.elevenlabs.voices))))
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(home.say(voice_id).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert len(home.elevenlabs.voices) == 1


def test_an_unused_voice_is_kept_alive_for_a_while_and_made_again_later(home: House) -> None:
    voice_id = home.clone("minimax")
    (mark,) = marks(home, "minimax")
    for _ in range(100):
        home.clock.turn(days=1)
        home.tidy()
    assert 15 <= len(home.minimax.spoken) <= 22, "every five days, for ninety days"
    assert len(home.minimax.activated) == 1
    home.clock.turn(days=8)
    assert home.heard(home.say(voice_id)) == mark
    assert len(home.minimax.activated) == 2


def test_a_gateway_that_was_down_for_a_week_makes_the_voice_again(home: House) -> None:
    voice_id = home.clone("minimax")
    (mark,) = marks(home, "minimax")
    home.clock.turn(days=8)
    home.tidy()
    assert home.heard(home.say(voice_id)) == mark
    assert len(home.minimax.activated) == 2


def test_a_full_account_gives_back_the_voice_that_was_longest_not_used(home: House) -> None:
    home.elevenlabs.account.voice_limit = 3
    voices, heard = [], {}
    for number in range(5):
        voice_id = home.clone("elevenlabs", speaker=number)
        heard[voice_id] = home.heard(home.say(voice_id))
        voices.append(voice_id)
        home.clock.turn(seconds=60)
    assert len(set(heard.values())) == 5
    assert marks(home, "elevenlabs") == {heard[voice_id] for voice_id in voices[-3:]}
    assert home.heard(home.say(voices[0])) == heard[voices[0]]
    assert marks(home, "elevenlabs") == {heard[voices[n]] for n in (0, 3, 4)}
    assert home.gateway.intents.every() == []


def test_more_voices_at_once_than_there_are_slots_wait_for_each_other(home: House) -> None:
    home.elevenlabs.account.voice_limit = 2
    heard = cloned_and_heard(home, 5)
    home.elevenlabs.account.latency = 0.1
    assert heard_at_once(home, heard) == heard
    assert len(home.elevenlabs.voices) == 2


def test_no_caller_loses_the_slot_that_it_made_free(home: House) -> None:
    home.elevenlabs.account.voice_limit = 1
    heard = cloned_and_heard(home, 4)
    home.elevenlabs.faults.add(Fault("/v1/voices/add", times=1_000, slow=0.1))
    assert heard_at_once(home, heard) == heard


def test_nobody_else_s_voice_is_given_back(home: House) -> None:
    provider = home.gateway.providers.get("elevenlabs")
    home.elevenlabs.account.voice_limit = 2
    theirs = [
        provider.clone(np.full(24_000, n / 10, np.float32), voice_id=f"n{n}", quick=False, progress=lambda _: None)
        for n in (1, 2)
    ]
    answer = home.instant("elevenlabs")
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "provider_unavailable"
    assert "as many voices" in error_of(answer)["message"]
    assert set(home.elevenlabs.voices) == {one.provider_voice_id for one in theirs}
    assert home.client.balance()["balance"] == 100


def test_a_voice_can_be_made_at_another_provider(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    (mark,) = marks(home, "elevenlabs")
    path = f"/v1/voices/{voice_id}/bindings"
    assert home.say(voice_id, provider="minimax").status_code == 400
    job = home.run(home.client.post(path, {"provider": "minimax"}))
    assert job["status"] == "completed", job
    assert (job["result_data"]["voice_id"], job["result_data"]["provider"]) == (voice_id, "minimax")
    assert (job["service"], job["token_cost"]) == ("core-voice-clone", 5.0)
    for provider in PROVIDERS:
        answer = home.say(voice_id, provider=provider)
        assert home.heard(answer) == mark
        assert answer.json()["data"]["provider"] == provider
    assert home.say(voice_id).json()["data"]["provider"] == "elevenlabs", "its own, where none is named"
    listed = home.client.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
    assert [one["provider"] for one in listed] == PROVIDERS
    assert error_of(home.client.post(path, {"provider": "minimax"}))["code"] == "already_bound"
    assert home.client.another().post(path, {"provider": "minimax"}).status_code == 404
    assert home.client.delete(f"/v1/voices/{voice_id}").json()["data"]["left"] == []
    assert not home.elevenlabs.voices
    assert not home.minimax.voices


def test_a_voice_that_is_deleted_while_it_is_bound_leaves_nothing(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    accepted = home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"})
    assert home.client.delete(f"/v1/voices/{voice_id}").status_code == 200
    job = home.run(accepted)
    assert job["status"] == "failed"
    home.tidy()
    assert not home.minimax.voices
    assert not home.elevenlabs.voices
    assert home.client.balance()["balance"] == 95


def test_a_voice_of_the_local_engine_gets_a_binding_too(home: House) -> None:
    voice_id = home.clone("local")
    job = home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "elevenlabs"}))
    assert job["status"] == "completed", job
    assert home.heard(home.say(voice_id, provider="elevenlabs")) == next(iter(marks(home, "elevenlabs")))
    assert home.say(voice_id, provider="local").json()["data"]["provider"] == "local"


def test_auto_goes_on_to_the_next_provider_that_has_the_voice(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    (mark,) = marks(home, "elevenlabs")
    home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    assert home.say(voice_id, provider="auto").json()["data"]["provider"] == "elevenlabs"
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    assert home.say(voice_id).status_code == 503, "only when asked"
    answer = home.say(voice_id, provider="auto")
    assert answer.json()["data"]["provider"] == "minimax"
    assert home.heard(answer) == mark
    stream = home.say(voice_id, provider="auto", stream=True)
    assert stream.headers["X-Provider"] == "minimax"
    assert home.held() == 0
    assert home.gateway.intents.every() == []


def test_auto_never_speaks_with_another_voice_and_never_twice_for_an_unknown_outcome(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    spoken = len(home.minimax.spoken)
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", lost=True))
    assert home.say(voice_id, provider="auto").status_code == 504
    assert len(home.minimax.spoken) == spoken
    only = home.clone("elevenlabs", speaker=1)
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=503, body=None, times=99))
    assert home.say(only, provider="auto").status_code == 503


def test_auto_clones_at_the_first_that_can(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/voices/add", status=503, body=None, times=99))
    answer = home.instant("auto")
    assert answer.headers["X-Provider"] == "minimax"
    voice_id = home.clone("auto")
    assert home.say(voice_id).json()["data"]["provider"] == "minimax"
    assert not home.elevenlabs.voices
    home.clock.turn(seconds=1201)
    home.tidy()
    assert home.gateway.intents.every() == []
