"""Calls that the provider accepted but whose response is lost: nothing is done twice, and no unknown outcome is
charged."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.client import error_of
from tests.support.hosted_env import TTS, HostedEnv
from voxport.billing.verify import verify
from voxport.provider_calls.service import NewCall
from voxport.testing.doubles import Fault

SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
PROVIDERS = list(SPEECH)


def states(hosted_env: HostedEnv) -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in hosted_env.gateway.provider_calls.list_all()]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_synthesis_without_an_answer_is_not_made_again_and_its_hold_comes_back_later(
    hosted_env: HostedEnv, provider: str
) -> None:
    voice_id = hosted_env.clone(provider)
    before = hosted_env.client.balance()["balance"]
    double = getattr(hosted_env, provider)
    double.spoken.clear()
    double.faults.add(Fault(SPEECH[provider], drop_response=True))
    answer = hosted_env.speak(voice_id)
    assert answer.status_code == 504
    assert error_of(answer)["code"] == "provider_timeout"
    assert len(double.spoken) == 1
    held = hosted_env.held()
    assert held > 0
    assert states(hosted_env) == [("speech", "unknown")]
    hosted_env.run_sweeps()
    assert hosted_env.held() == held, "it is kept for a while"
    hosted_env.clock.advance(seconds=15 * 60 + 1)
    hosted_env.run_sweeps()
    hosted_env.run_sweeps()
    assert hosted_env.client.balance()["balance"] == before
    assert states(hosted_env) == [("speech", "lost")]
    assert hosted_env.gateway.provider_calls.list_all()[0].released == round(held * 1e6)
    assert len(double.spoken) == 1
    assert verify(hosted_env.gateway.database) == []


def test_a_hold_comes_back_in_time_also_where_the_clock_was_set_back(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    before = hosted_env.client.balance()["balance"]
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], drop_response=True))
    assert hosted_env.speak(voice_id).status_code == 504
    hosted_env.clock.advance(seconds=-3600)
    hosted_env.run_sweeps()
    assert hosted_env.held() > 0, "it is kept for a while, from now on"
    hosted_env.clock.advance(seconds=15 * 60 + 1)
    hosted_env.run_sweeps()
    assert hosted_env.held() == 0
    assert hosted_env.client.balance()["balance"] == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_instant_clone_without_an_answer_leaves_no_voice(hosted_env: HostedEnv, provider: str) -> None:
    double = getattr(hosted_env, provider)
    double.faults.add(Fault(SPEECH[provider], drop_response=True))
    assert hosted_env.instant(provider).status_code == 504
    assert hosted_env.held() == 2
    assert not double.voices
    hosted_env.clock.advance(seconds=15 * 60 + 1)
    hosted_env.run_sweeps()
    assert hosted_env.client.balance()["balance"] == 100
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert states(hosted_env) == [("instant", "lost")]


def test_a_clone_whose_answer_is_lost_is_adopted(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", drop_response=True))
    hosted_env.minimax.faults.add(Fault("/v1/voice_clone", drop_response=True))
    for provider in PROVIDERS:
        voice_id = hosted_env.clone(provider)
        assert len(getattr(hosted_env, provider).voices) == 1
        assert hosted_env.speak(voice_id).status_code == 200
    assert states(hosted_env) == []


def test_a_clone_that_stays_unknown_is_removed_and_given_back(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", drop_response=True))
    accepted = hosted_env.client.post(
        "/v1/proxy/core-voice-clone", {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}
    )
    # The first list request, before the clone call, succeeds; all later ones fail.
    hosted_env.elevenlabs.faults.add(Fault("/v2/voices", delay_seconds=0.0))
    hosted_env.elevenlabs.faults.add(Fault("/v2/voices", status=503, body=None, times=9))
    job = hosted_env.run(accepted)
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")
    assert hosted_env.held() == 5
    assert states(hosted_env) == [("clone", "unknown")]
    assert len(hosted_env.elevenlabs.voices) == 1
    hosted_env.elevenlabs.faults.clear()
    hosted_env.run_sweeps()
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.held() == 5
    hosted_env.clock.advance(seconds=901)
    hosted_env.run_sweeps()
    assert hosted_env.client.balance()["balance"] == 100
    assert states(hosted_env) == [("clone", "lost"), ("clone", "removing")]
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    assert states(hosted_env) == [("clone", "lost")]


def test_a_cancelled_clone_leaves_no_voice(hosted_env: HostedEnv) -> None:
    accepted = hosted_env.client.post(
        "/v1/proxy/core-voice-clone", {"audioUrl": hosted_env.upload(), "provider": "minimax"}
    )
    job_id = accepted.json()["job"]["id"]
    real = hosted_env.gateway.provisioning.clone

    def clone_and_cancel(*arguments: object, **named: object) -> object:
        created = real(*arguments, **named)  # type: ignore[arg-type]
        assert hosted_env.client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
        return created

    hosted_env.gateway.provisioning.clone = clone_and_cancel  # type: ignore[method-assign, assignment]
    assert hosted_env.work(job_id)["status"] == "cancelled"
    hosted_env.run_sweeps()
    assert not hosted_env.minimax.voices
    assert hosted_env.client.balance()["balance"] == 100


def test_a_part_that_a_killed_worker_had_begun_is_not_spoken_again(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    balance = hosted_env.client.balance()["balance"]
    body = {"text": "A sentence. " * 3, "voice_id": voice_id}
    job_id = hosted_env.client.post(TTS, body, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    job = hosted_env.gateway.jobs.get(hosted_env.client.profile_id, job_id)
    with hosted_env.gateway.database.transaction() as tx:  # the state after a worker died in its first call
        new = NewCall("speech", "elevenlabs", voice_id, hosted_env.client.profile_id, job.hold_id, job_id)
        hosted_env.gateway.provider_calls.open(tx, new)
    hosted_env.elevenlabs.spoken.clear()
    ended = hosted_env.work(job_id)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "provider_timeout")
    assert hosted_env.elevenlabs.spoken == []
    assert hosted_env.held() > 0
    hosted_env.clock.advance(seconds=901)
    hosted_env.run_sweeps()
    assert hosted_env.client.balance()["balance"] == balance
    assert states(hosted_env) == [("speech", "lost")]


def test_an_idempotency_key_stays_taken_for_as_long_as_the_outcome_is_not_known(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], drop_response=True))
    hosted_env.elevenlabs.spoken.clear()
    body = {"text": "The ferry leaves.", "voice_id": voice_id, "provider": "elevenlabs"}

    def call() -> httpx2.Response:
        return hosted_env.client.request("POST", TTS, json=body, headers={"Idempotency-Key": "first"})

    assert call().status_code == 504
    waiting = call()
    assert waiting.status_code == 409
    assert error_of(waiting)["code"] == "idempotency_in_flight"
    assert len(hosted_env.elevenlabs.spoken) == 1
    hosted_env.clock.advance(seconds=15 * 60 + 1)
    hosted_env.run_sweeps()
    assert call().status_code == 200
    assert call().headers["Idempotent-Replayed"] == "true"
    assert len(hosted_env.elevenlabs.spoken) == 2
    assert hosted_env.held() == 0
