"""The life of jobs at hosted providers: cancels and deadlines leave no voice, and a refused call is made again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import MakeGateway
from tests.jobs.test_cancel import cancel_at, nothing_stays
from tests.support.hosted import CLONE, TTS, House, house
from tests.support.server import wait_until
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.jobs.models import Job
from voxport.jobs.runner import Runner
from voxport.testing.doubles import Fault
from voxport.worker import _time_out_jobs

PROVIDERS = ["elevenlabs", "minimax"]
MAKING = {"elevenlabs": "/v1/voices/add", "minimax": "/v1/voice_clone"}
SPEECH = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}
LATER = {"Prefer": "respond-async"}


def queue_clone(home: House, provider: str) -> str:
    answer = home.client.post(CLONE, {"audioUrl": home.upload(), "provider": provider})
    job_id: str = answer.json()["job"]["id"]
    return job_id


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stage", ["fetching", "cloning", "registering"])
def test_a_clone_that_is_cancelled_leaves_no_voice_at_the_provider(
    home: House, monkeypatch: pytest.MonkeyPatch, provider: str, stage: str
) -> None:
    folder = home.gateway.settings.data_dir / "files"
    job_id = queue_clone(home, provider)
    before = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    cancel_at(home.client, job_id, stage, monkeypatch)
    assert home.work(job_id)["status"] == "cancelled"
    home.tidy()
    assert not getattr(home, provider).voices
    home.clock.turn(seconds=1201)
    home.tidy()
    nothing_stays(home.client, job_id, before)


def worked_on(home: House, job_id: str, ended: threading.Event) -> threading.Thread:
    """The job, being worked on by a thread that hears no more of its provider."""

    def work() -> None:
        home.work(job_id)
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    return worker


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_hold_of_a_job_that_times_out_in_a_paid_call_is_kept_until_nobody_can_tell(
    make_gateway: MakeGateway, provider: str
) -> None:
    with house(make_gateway()) as home:
        double = getattr(home, provider)
        answer, ended = threading.Event(), threading.Event()
        double.faults.add(Fault(MAKING[provider], until=answer))
        job_id = queue_clone(home, provider)
        worker = worked_on(home, job_id, ended)
        wait_until(lambda: ("POST", MAKING[provider]) in double.requests, seconds=60, what="the paid call")
        with home.gateway.database.transaction() as tx:
            tx.execute(update(Job).where(Job.id == job_id).values(started_at=now() - timedelta(days=1)))
        assert _time_out_jobs(home.gateway, Runner(home.gateway.jobs, home.gateway.handlers)) == 1
        job = home.client.get(f"/v2/jobs/{job_id}").json()
        assert (job["status"], job["error"]["code"]) == ("failed", "job_timeout")
        assert home.held() == 5, "the provider may be billing it"
        answer.set()
        worker.join(60)
        assert ended.is_set()
        home.clock.turn(seconds=901)
        home.tidy()
        assert home.client.balance()["balance"] == 100
        assert not double.voices
        home.clock.turn(seconds=1201)
        home.tidy()
        assert [(row.kind, row.state) for row in home.gateway.intents.every()] == [("clone", "lost")]
        assert verify(home.gateway.database) == []


def test_the_hold_of_a_job_that_times_out_between_two_calls_comes_back_at_once(make_gateway: MakeGateway) -> None:
    with house(make_gateway(speech_job_seconds=0.5)) as home:
        voice_id = home.clone("elevenlabs")
        home.elevenlabs.faults.add(Fault(SPEECH["elevenlabs"], slow=0.8))
        job = home.run(home.client.post(TTS, {"text": "A sentence. ", "voice_id": voice_id}, headers=LATER))
        assert (job["status"], job["error"]["code"]) == ("failed", "job_timeout")
        assert home.held() == 0
        assert home.gateway.intents.every() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_part_that_the_provider_refused_is_spoken_later_and_none_twice(
    make_gateway: MakeGateway, provider: str
) -> None:
    with house(make_gateway()) as home:
        voice_id, double = home.clone(provider), getattr(home, provider)
        double.spoken.clear()
        double.requests.clear()
        text = "The ferry leaves the island at seven in the morning. " * 45  # two parts
        double.faults.add(Fault(SPEECH[provider], status=503, body={}, spared=1))
        job = home.run(home.client.post(TTS, {"text": text, "voice_id": voice_id}, headers=LATER), pauses=(0.0, 0.0))
        assert job["status"] == "completed", job
        parts = len(double.spoken)
        assert parts >= 2
        asked = [path for _, path in double.requests if path.startswith(SPEECH[provider])]
        assert len(asked) == parts + 1, "one was refused"
        again = home.run(home.client.post(TTS, {"text": text, "voice_id": voice_id}, headers=LATER))
        assert len(double.spoken) == 2 * parts, "no part of the first was spoken twice"
        assert again["units_consumed"] == pytest.approx(job["units_consumed"], abs=0.2)
        assert home.gateway.intents.every() == []
        assert home.held() == 0
