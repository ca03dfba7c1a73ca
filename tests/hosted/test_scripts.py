"""Scripts at hosted providers: no line is paid for twice there, and what nobody can tell is not charged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.hosted_env import HostedEnv
from voxport.billing.verify import verify
from voxport.provider_calls.service import NewCall
from voxport.testing.doubles import Fault

BATCH = "/v1/proxy/core-tts-batch"
SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
PROVIDERS = list(SPEECH)


def body(voice_id: str, lines: int = 4) -> dict[str, Any]:
    script = [{"character": "Ana", "text": f"This is line number {number}."} for number in range(lines)]
    return {"script": script, "cast": {"Ana": {"voice_id": voice_id}}, "outputs": ["joined"], "output_format": "wav"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_line_is_one_paid_call_and_one_that_was_refused_is_made_later(
    hosted_env: HostedEnv, provider: str
) -> None:
    voice_id, double = hosted_env.clone(provider), getattr(hosted_env, provider)
    double.spoken.clear()
    double.faults.add(Fault(SPEECH[provider], status=503, body={}, skip_first=1))
    job = hosted_env.run(hosted_env.client.post(BATCH, body(voice_id)), pauses=(0.0, 0.0, 0.0))
    assert job["status"] == "completed", job
    assert len(double.spoken) == 4
    assert job["result_data"]["spoken"] == 4
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert hosted_env.held() == 0
    assert verify(hosted_env.gateway.database) == []


def test_a_lost_answer_fails_the_job_and_the_next_one_pays_for_the_lines_that_are_there(hosted_env: HostedEnv) -> None:
    voice_id, double = hosted_env.clone("elevenlabs"), hosted_env.elevenlabs
    before = hosted_env.client.balance()["balance"]
    double.spoken.clear()
    double.faults.add(Fault(SPEECH["elevenlabs"], drop_response=True, skip_first=2))
    job = hosted_env.run(hosted_env.client.post(BATCH, body(voice_id)))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")
    assert hosted_env.held() > 0, "the provider may be billing it"
    hosted_env.clock.advance(seconds=15 * 60 + 1)
    hosted_env.run_sweeps()
    hosted_env.run_sweeps()
    assert hosted_env.held() == 0
    assert hosted_env.client.balance()["balance"] == before
    spoken = len(double.spoken)
    again = hosted_env.run(hosted_env.client.post(BATCH, body(voice_id)))
    assert again["status"] == "completed", again
    assert len(double.spoken) <= spoken + 2, "lines that arrived are not asked for again"
    assert again["result_data"]["spoken"] == 4
    assert again["units_consumed"] > 0
    assert verify(hosted_env.gateway.database) == []


@pytest.mark.parametrize("first", range(4))
def test_two_answers_lost_at_once_fail_the_job_once(hosted_env: HostedEnv, first: int) -> None:
    """Each changes the rows of all lines under way, while others are recorded: on Postgres that ended in deadlocks."""
    voice_id, double = hosted_env.clone("elevenlabs"), hosted_env.elevenlabs
    for _ in range(2):
        double.faults.add(Fault(SPEECH["elevenlabs"], drop_response=True, skip_first=first))
    job = hosted_env.run(hosted_env.client.post(BATCH, body(voice_id, 12)))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")


def test_a_line_that_a_dead_worker_began_is_not_spoken_again(hosted_env: HostedEnv) -> None:
    voice_id, double = hosted_env.clone("elevenlabs"), hosted_env.elevenlabs
    accepted = hosted_env.client.post(BATCH, body(voice_id))
    job_id = accepted.json()["job"]["id"]
    gateway = hosted_env.gateway
    job = gateway.jobs.find(job_id)
    assert job is not None
    with gateway.database.transaction() as tx:  # what a kill leaves in the middle of line 0
        new = NewCall("speech", "elevenlabs", voice_id, job.profile_id, job.hold_id, job_id)
        gateway.provider_calls.open(tx, new)
    double.spoken.clear()
    ended = hosted_env.run(accepted)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "provider_timeout")
    assert not any("number 0" in str(one) for one in double.spoken)
    assert hosted_env.held() > 0
