"""Accepted by the provider, and the answer lost: nothing is done twice, nothing is charged blindly."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.client import error_of
from tests.support.hosted import TTS, House
from voxport.billing.verify import verify
from voxport.provider_calls.service import New
from voxport.testing.doubles import Fault

SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
PROVIDERS = list(SPEECH)


def states(home: House) -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in home.gateway.intents.every()]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_synthesis_without_an_answer_is_not_made_again_and_its_hold_comes_back_later(
    home: House, provider: str
) -> None:
    voice_id = home.clone(provider)
    before = home.client.balance()["balance"]
    double = getattr(home, provider)
    double.spoken.clear()
    double.faults.add(Fault(SPEECH[provider], lost=True))
    answer = home.say(voice_id)
    assert answer.status_code == 504
    assert error_of(answer)["code"] == "provider_timeout"
    assert len(double.spoken) == 1
    held = home.held()
    assert held > 0
    assert states(home) == [("speech", "unknown")]
    home.tidy()
    assert home.held() == held, "it is kept for a while"
    home.clock.turn(seconds=15 * 60 + 1)
    home.tidy()
    home.tidy()
    assert home.client.balance()["balance"] == before
    assert states(home) == [("speech", "lost")]
    assert home.gateway.intents.every()[0].released == round(held * 1e6)
    assert len(double.spoken) == 1
    assert verify(home.gateway.database) == []


def test_a_hold_comes_back_in_time_also_where_the_clock_was_set_back(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    before = home.client.balance()["balance"]
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], lost=True))
    assert home.say(voice_id).status_code == 504
    home.clock.turn(seconds=-3600)
    home.tidy()
    assert home.held() > 0, "it is kept for a while, from now on"
    home.clock.turn(seconds=15 * 60 + 1)
    home.tidy()
    assert home.held() == 0
    assert home.client.balance()["balance"] == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_instant_clone_without_an_answer_leaves_no_voice(home: House, provider: str) -> None:
    double = getattr(home, provider)
    double.faults.add(Fault(SPEECH[provider], lost=True))
    assert home.instant(provider).status_code == 504
    assert home.held() == 2
    assert not double.voices
    home.clock.turn(seconds=15 * 60 + 1)
    home.tidy()
    assert home.client.balance()["balance"] == 100
    home.clock.turn(seconds=1201)
    home.tidy()
    assert states(home) == [("instant", "lost")]


def test_a_clone_whose_answer_is_lost_is_adopted(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/voices/add", lost=True))
    home.minimax.faults.add(Fault("/v1/voice_clone", lost=True))
    for provider in PROVIDERS:
        voice_id = home.clone(provider)
        assert len(getattr(home, provider).voices) == 1
        assert home.say(voice_id).status_code == 200
    assert states(home) == []


def test_a_clone_that_stays_unknown_is_removed_and_given_back(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/voices/add", lost=True))
    accepted = home.client.post("/v1/proxy/core-voice-clone", {"audioUrl": home.upload(), "provider": "elevenlabs"})
    # Looked for before it is made, and then nothing can be looked up any more.
    home.elevenlabs.faults.add(Fault("/v2/voices", slow=0.0))
    home.elevenlabs.faults.add(Fault("/v2/voices", status=503, body=None, times=9))
    job = home.run(accepted)
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")
    assert home.held() == 5
    assert states(home) == [("clone", "unknown")]
    assert len(home.elevenlabs.voices) == 1
    home.elevenlabs.faults.clear()
    home.tidy()
    assert not home.elevenlabs.voices
    assert home.held() == 5
    home.clock.turn(seconds=901)
    home.tidy()
    assert home.client.balance()["balance"] == 100
    assert states(home) == [("clone", "lost"), ("clone", "removing")]
    home.clock.turn(seconds=1201)
    home.tidy()
    assert states(home) == [("clone", "lost")]


def test_a_cancelled_clone_leaves_no_voice(home: House) -> None:
    accepted = home.client.post("/v1/proxy/core-voice-clone", {"audioUrl": home.upload(), "provider": "minimax"})
    job_id = accepted.json()["job"]["id"]
    real = home.gateway.speaking.clone

    def clone_and_cancel(*arguments: object, **named: object) -> object:
        made = real(*arguments, **named)  # type: ignore[arg-type]
        assert home.client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
        return made

    home.gateway.speaking.clone = clone_and_cancel  # type: ignore[method-assign, assignment]
    assert home.work(job_id)["status"] == "cancelled"
    home.tidy()
    assert not home.minimax.voices
    assert home.client.balance()["balance"] == 100


def test_a_part_that_a_killed_worker_had_begun_is_not_spoken_again(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    balance = home.client.balance()["balance"]
    body = {"text": "A sentence. " * 3, "voice_id": voice_id}
    job_id = home.client.post(TTS, body, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    job = home.gateway.jobs.get(home.client.profile_id, job_id)
    with home.gateway.database.transaction() as tx:  # as a worker leaves it that dies in its first call
        new = New("speech", "elevenlabs", voice_id, home.client.profile_id, job.hold_id, job_id)
        home.gateway.intents.open(tx, new)
    home.elevenlabs.spoken.clear()
    ended = home.work(job_id)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "provider_timeout")
    assert home.elevenlabs.spoken == []
    assert home.held() > 0
    home.clock.turn(seconds=901)
    home.tidy()
    assert home.client.balance()["balance"] == balance
    assert states(home) == [("speech", "lost")]


def test_an_idempotency_key_stays_taken_for_as_long_as_the_outcome_is_not_known(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], lost=True))
    home.elevenlabs.spoken.clear()
    body = {"text": "The ferry leaves.", "voice_id": voice_id, "provider": "elevenlabs"}

    def call() -> httpx2.Response:
        return home.client.request("POST", TTS, json=body, headers={"Idempotency-Key": "first"})

    assert call().status_code == 504
    waiting = call()
    assert waiting.status_code == 409
    assert error_of(waiting)["code"] == "idempotency_in_flight"
    assert len(home.elevenlabs.spoken) == 1
    home.clock.turn(seconds=15 * 60 + 1)
    home.tidy()
    assert call().status_code == 200
    assert call().headers["Idempotent-Replayed"] == "true"
    assert len(home.elevenlabs.spoken) == 2
    assert home.held() == 0
