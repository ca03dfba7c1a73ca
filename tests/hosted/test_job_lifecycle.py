"""Jobs at hosted providers: cancels and timeouts leave no voice, and a rejected call is retried."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import MakeGateway
from tests.jobs.test_cancel import cancel_at, nothing_stays
from tests.support.hosted_env import CLONE, TTS, HostedEnv, open_hosted_env
from tests.support.server import wait_until
from tests.support.stored import stored_keys
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.jobs.models import Job
from voxport.jobs.runner import JobRunner
from voxport.testing.doubles import Fault
from voxport.worker import _time_out_jobs

PROVIDERS = ["elevenlabs", "minimax"]
MAKING = {"elevenlabs": "/v1/voices/add", "minimax": "/v1/voice_clone"}
SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
LATER = {"Prefer": "respond-async"}


def queue_clone(hosted_env: HostedEnv, provider: str) -> str:
    answer = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": provider})
    job_id: str = answer.json()["job"]["id"]
    return job_id


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stage", ["fetching", "cloning", "registering"])
def test_a_clone_that_is_cancelled_leaves_no_voice_at_the_provider(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch, provider: str, stage: str
) -> None:
    job_id = queue_clone(hosted_env, provider)
    before = set(stored_keys(hosted_env.gateway))
    cancel_at(hosted_env.client, job_id, stage, monkeypatch)
    assert hosted_env.work(job_id)["status"] == "cancelled"
    hosted_env.run_sweeps()
    assert not getattr(hosted_env, provider).voices
    hosted_env.clock.advance(seconds=1201)
    hosted_env.run_sweeps()
    nothing_stays(hosted_env.client, job_id, before)


def worked_on(hosted_env: HostedEnv, job_id: str, ended: threading.Event) -> threading.Thread:
    """Run the job in a thread, while its provider does not respond."""

    def work() -> None:
        hosted_env.work(job_id)
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    return worker


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_hold_of_a_job_that_times_out_in_a_paid_call_is_kept_until_nobody_can_tell(
    make_gateway: MakeGateway, provider: str
) -> None:
    with open_hosted_env(make_gateway) as hosted_env:
        double = getattr(hosted_env, provider)
        answer, ended = threading.Event(), threading.Event()
        double.faults.add(Fault(MAKING[provider], until=answer))
        job_id = queue_clone(hosted_env, provider)
        worker = worked_on(hosted_env, job_id, ended)
        wait_until(lambda: ("POST", MAKING[provider]) in double.requests, seconds=60, what="the paid call")
        with hosted_env.gateway.database.transaction() as tx:
            tx.execute(update(Job).where(Job.id == job_id).values(started_at=now() - timedelta(days=1)))
        assert _time_out_jobs(hosted_env.gateway, JobRunner(hosted_env.gateway.jobs, hosted_env.gateway.handlers)) == 1
        job = hosted_env.client.get(f"/v2/jobs/{job_id}").json()
        assert (job["status"], job["error"]["code"]) == ("failed", "job_timeout")
        assert hosted_env.held() == 5, "the provider may be billing it"
        answer.set()
        worker.join(60)
        assert ended.is_set()
        hosted_env.clock.advance(seconds=901)
        hosted_env.run_sweeps()
        assert hosted_env.client.balance()["balance"] == 100
        assert not double.voices
        hosted_env.clock.advance(seconds=1201)
        hosted_env.run_sweeps()
        assert [(row.kind, row.state) for row in hosted_env.gateway.provider_calls.list_all()] == [("clone", "lost")]
        assert verify(hosted_env.gateway.database) == []


def test_the_hold_of_a_job_that_times_out_between_two_calls_comes_back_at_once(make_gateway: MakeGateway) -> None:
    with open_hosted_env(make_gateway, speech_job_seconds=0.5) as hosted_env:
        voice_id = hosted_env.clone("elevenlabs")
        hosted_env.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], delay_seconds=0.8))
        job = hosted_env.run(hosted_env.client.post(TTS, {"text": "A sentence. ", "voice_id": voice_id}, headers=LATER))
        assert (job["status"], job["error"]["code"]) == ("failed", "job_timeout")
        assert hosted_env.held() == 0
        assert hosted_env.gateway.provider_calls.list_all() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_part_that_the_provider_refused_is_spoken_later_and_none_twice(
    make_gateway: MakeGateway, provider: str
) -> None:
    with open_hosted_env(make_gateway) as hosted_env:
        voice_id, double = hosted_env.clone(provider), getattr(hosted_env, provider)
        double.spoken.clear()
        double.requests.clear()
        text = "The ferry leaves the island at seven in the morning. " * 45  # two parts
        double.faults.add(Fault(SPEECH[provider], status=503, body={}, skip_first=1))
        job = hosted_env.run(
            hosted_env.client.post(TTS, {"text": text, "voice_id": voice_id}, headers=LATER), pauses=(0.0, 0.0)
        )
        assert job["status"] == "completed", job
        parts = len(double.spoken)
        assert parts >= 2
        asked = [path for _, path in double.requests if path.startswith(SPEECH[provider])]
        assert len(asked) == parts + 1, "one was refused"
        again = hosted_env.run(hosted_env.client.post(TTS, {"text": text, "voice_id": voice_id}, headers=LATER))
        assert len(double.spoken) == 2 * parts, "no part of the first was spoken twice"
        assert again["units_consumed"] == pytest.approx(job["units_consumed"], abs=0.2)
        assert hosted_env.gateway.provider_calls.list_all() == []
        assert hosted_env.held() == 0
