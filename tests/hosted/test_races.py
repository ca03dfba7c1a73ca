"""Races and double failures at a hosted provider: no voice is left behind, no hold stays open, and no customer loses a
voice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from tests.support.hosted_env import CLONE, HostedEnv, recording
from voxport.billing.verify import verify
from voxport.errors import OutcomeUnknown
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import NewJob
from voxport.provider_calls.drain import PaidPartTracker
from voxport.provider_calls.service import NewCall
from voxport.providers.base import VoiceRef
from voxport.samples.loader import SampleSource
from voxport.testing.doubles import Fault


def down(path: str) -> Fault:
    return Fault(path, status=503, body=None, times=999)


def later(hosted_env: HostedEnv) -> None:
    """Advance the clock by an hour in three steps, and run the sweeps after each."""
    for _ in range(3):
        hosted_env.clock.advance(seconds=1201)
        hosted_env.run_sweeps()


def run_before(hosted_env: HostedEnv, provider: str, name: str, first: Callable[[], None]) -> None:
    """Call `first` once, before the next call of the provider's method."""
    one = hosted_env.gateway.providers.get(provider)
    real = getattr(one, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        setattr(one, name, real)
        first()
        return real(*arguments, **named)

    setattr(one, name, wrapped)


def test_a_second_job_that_binds_harms_the_first_one_s_voice_not(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    path = f"/v1/voices/{voice_id}/bindings"
    for provider in ("local", "minimax"):
        first, second = (hosted_env.client.post(path, {"provider": provider}) for _ in range(2))
        assert hosted_env.run(first)["status"] == "completed"
        assert hosted_env.run(second)["status"] == "failed"
        later(hosted_env)
        assert hosted_env.speak(voice_id, provider=provider).status_code == 200
    assert len(hosted_env.minimax.voices) == 1


@pytest.mark.parametrize("service", ["clone", "instant"])
def test_work_that_goes_on_elsewhere_takes_its_hold_along(hosted_env: HostedEnv, service: str) -> None:
    hosted_env.elevenlabs.faults.add(down("/v1/voices/add"))
    run_before(hosted_env, "minimax", "clone", lambda: later(hosted_env))
    if service == "clone":
        hosted_env.clone("auto")
        assert hosted_env.client.balance()["balance"] == 95
    else:
        assert hosted_env.instant("auto").headers["X-Provider"] == "minimax"
        assert hosted_env.client.balance()["balance"] == 98
    later(hosted_env)
    assert hosted_env.held() == 0
    assert not hosted_env.elevenlabs.voices
    assert verify(hosted_env.gateway.database) == []


def test_a_clone_at_the_second_provider_is_adopted_after_a_kill_though_the_first_is_back(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(down("/v1/voices/add"))
    job_id = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "auto"}).json()["job"]["id"]
    runner = JobRunner(hosted_env.gateway.jobs, hosted_env.gateway.handlers)
    runner.begin(job_id)
    sample = runner.run_step(job_id, "sample", {})
    assert sample is not None
    created = runner.run_step(job_id, "clone", {"sample": sample})
    assert created is not None
    assert created["provider"] == "minimax"
    hosted_env.elevenlabs.faults.clear()
    # As if a kill had come before the step's result was written: the step runs again.
    job = hosted_env.work(job_id)
    assert (job["status"], job["result_data"]["provider"]) == ("completed", "minimax")
    later(hosted_env)
    assert (len(hosted_env.elevenlabs.voices), len(hosted_env.minimax.voices)) == (0, 1)


def test_a_voice_that_is_deleted_while_it_is_made_again_leaves_nothing(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.run(hosted_env.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    hosted_env.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(hosted_env.elevenlabs.voices))))
    making, created, deleting = threading.Event(), threading.Event(), threading.Event()

    def make() -> None:
        making.set()
        assert deleting.wait(60)

    def remove() -> None:
        deleting.set()
        assert created.wait(60)

    run_before(hosted_env, "elevenlabs", "clone", make)
    run_before(hosted_env, "minimax", "delete", remove)
    speaking = threading.Thread(target=lambda: hosted_env.speak(voice_id, provider="elevenlabs"))
    removing = threading.Thread(target=lambda: hosted_env.client.delete(f"/v1/voices/{voice_id}"))
    speaking.start()
    assert making.wait(60)
    removing.start()
    speaking.join()
    created.set()
    removing.join()
    later(hosted_env)
    assert not hosted_env.elevenlabs.voices
    assert not hosted_env.minimax.voices
    assert hosted_env.held() == 0


def test_a_hold_comes_back_though_the_provider_can_be_asked_no_more(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", drop_response=True))
    # the key is revoked
    run_before(hosted_env, "elevenlabs", "delete", lambda: hosted_env.elevenlabs.account.keys.clear())
    assert hosted_env.instant("elevenlabs").status_code == 504
    later(hosted_env)
    assert hosted_env.client.balance()["balance"] == 100
    rows = [(row.kind, row.state) for row in hosted_env.gateway.provider_calls.list_all()]
    assert rows == [("instant", "lost"), ("instant", "removing")], "the voice is still to be removed"


def test_a_row_that_can_not_be_looked_into_stops_no_other(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    with hosted_env.gateway.database.transaction() as tx:
        hosted_env.gateway.provider_calls.open(
            tx, NewCall("rebuild", "local", "x", hosted_env.client.profile_id), state="removing"
        )
    hosted_env.local.delete_failure = RuntimeError("a bug of a plugin")  # type: ignore[assignment]
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", drop_response=True))
    assert hosted_env.speak(voice_id).status_code == 504
    later(hosted_env)
    assert hosted_env.held() == 0


def test_an_unknown_outcome_without_an_intent_keeps_no_hold(hosted_env: HostedEnv) -> None:
    hosted_env.local.failure = OutcomeUnknown("The engine said nothing.")
    job = hosted_env.run(hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "local"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")
    assert hosted_env.held() == 0


def test_a_job_of_before_there_was_auto_is_done(hosted_env: HostedEnv) -> None:
    source = SampleSource(key=hosted_env.client.upload(recording(0))["object_key"])
    request = {"source": asdict(source), "provider": "local", "name": "n", "description": ""}
    new = NewJob(hosted_env.client.profile_id, "core-voice-clone", request, "oldvoice", 5_000_000, "req_1")
    job = hosted_env.work(hosted_env.gateway.jobs.submit(new).id)
    assert (job["status"], job["result_data"]["provider"]) == ("completed", "local")


def test_a_voice_that_is_only_said_to_be_gone_does_not_stay_beside_the_new_one(hosted_env: HostedEnv) -> None:
    voice_id = hosted_env.clone("elevenlabs")
    gone = {"detail": {"status": "voice_not_found", "message": "x"}}
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=404, body=gone, times=2))
    assert hosted_env.speak(voice_id).status_code == 502
    assert hosted_env.speak(voice_id).status_code == 200
    hosted_env.run_sweeps()
    assert len(hosted_env.elevenlabs.voices) == 1
    hosted_env.client.delete(f"/v1/voices/{voice_id}")
    later(hosted_env)
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.gateway.provider_calls.list_all() == []


def test_a_twin_that_came_late_goes_with_its_voice(hosted_env: HostedEnv) -> None:
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", drop_response=True))
    hosted_env.elevenlabs.lists_hide_until = float("inf")
    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.elevenlabs.lists_hide_until = 0.0
    assert len(hosted_env.elevenlabs.voices) == 2
    hosted_env.client.delete(f"/v1/voices/{voice_id}")
    assert not hosted_env.elevenlabs.voices


def test_keeping_alive_is_not_repeated_when_its_answer_is_lost(hosted_env: HostedEnv) -> None:
    hosted_env.clone("minimax")
    spoken = len(hosted_env.minimax.spoken)
    hosted_env.clock.advance(days=5.5)
    hosted_env.minimax.faults.add(Fault("/v1/t2a_v2", drop_response=True, times=99))
    for _ in range(4):
        hosted_env.clock.advance(seconds=60)
        hosted_env.run_sweeps()
    assert len(hosted_env.minimax.spoken) == spoken + 1


def test_a_clone_that_is_cancelled_while_it_is_made_leaves_no_voice(hosted_env: HostedEnv) -> None:
    job_id = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}).json()["job"][
        "id"
    ]

    def cancel_and_wait() -> None:
        hosted_env.client.post(f"/v2/jobs/{job_id}/cancel")
        hosted_env.run_sweeps()
        hosted_env.clock.advance(seconds=301)
        hosted_env.run_sweeps()

    run_before(hosted_env, "elevenlabs", "clone", cancel_and_wait)
    hosted_env.work(job_id)
    later(hosted_env)
    assert not hosted_env.elevenlabs.voices
    assert hosted_env.client.balance()["balance"] == 100


def test_a_short_recording_goes_to_the_next_provider(hosted_env: HostedEnv) -> None:
    short = hosted_env.client.upload(hosted_env.client.http.get(hosted_env.upload()).content[: 44 + 2 * 24_000 * 5])[
        "public_url"
    ]
    body = {"audioUrl": short, "text": "Hi there.", "provider": "minimax"}
    answer = hosted_env.client.post("/v1/proxy/core-instant-clone-tts", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["reason"] == "too_short"
    assert hosted_env.minimax.requests == [("POST", "/v1/get_voice")], "nothing was sent there"
    assert hosted_env.client.post("/v1/proxy/core-instant-clone-tts", {**body, "provider": "auto"}).status_code == 200


def test_a_stock_voice_with_a_name_of_many_words_can_be_spoken_with(hosted_env: HostedEnv) -> None:
    answer = hosted_env.speak("Chinese (Mandarin)_News_Anchor", stream=True)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Used-Voice-Id"] == "Chinese (Mandarin)_News_Anchor"


def test_a_process_that_ends_waits_for_the_part_that_is_paid_for_and_begins_none() -> None:
    parts, speaking, go_on, begun = PaidPartTracker(), threading.Event(), threading.Event(), threading.Event()

    def speak() -> None:
        with parts.track("job"):
            speaking.set()
            assert go_on.wait(60)
        with parts.track("job"):
            begun.set()

    threading.Thread(target=speak, daemon=True).start()
    assert speaking.wait(60)
    start = time.monotonic()
    parts.drain(0.2)
    assert time.monotonic() - start >= 0.2, "it waits so long at most"
    go_on.set()
    parts.drain(100)
    assert time.monotonic() - start < 50
    assert not begun.wait(0.2)
