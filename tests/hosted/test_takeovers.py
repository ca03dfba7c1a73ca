"""Calls at hosted providers that a process could not end: it died, was cut off, or lost its database."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from tests.support.hosted_env import CLONE, HostedEnv
from voxport.providers.base import Provider
from voxport.testing.doubles import Fault


class Killed(BaseException):
    """The end of a worker: no code of its own runs afterwards."""


def kill_during_clone(hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a clone job until the provider has its request, and end the worker there. Returns the job's id."""
    job = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}).json()["job"]
    provider: Provider = hosted_env.gateway.providers.get("elevenlabs")
    clone = provider.clone

    def clone_and_die(*arguments: object, **named: object) -> None:
        clone(*arguments, **named)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(provider, "clone", clone_and_die)
        hosted_env.work(job["id"])
    job_id: str = job["id"]
    return job_id


def show_after(hosted_env: HostedEnv, lookups: int) -> list[str]:
    """Let the provider list its own voices only from this lookup on. Returns the lookups so far."""
    hosted_env.elevenlabs.lists_hide_until = float("inf")
    seen: list[str] = []

    def watch(request: Request, when: str) -> None:
        if request.url.path == "/v2/voices" and "search" in request.query_params and when == "before":
            seen.append(request.query_params["search"])
            if len(seen) == lookups:
                hosted_env.elevenlabs.lists_hide_until = 0.0

    hosted_env.elevenlabs.on_request = watch
    return seen


def test_a_voice_that_a_dead_worker_was_creating_is_waited_for_and_not_created_again(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = kill_during_clone(hosted_env, monkeypatch)
    show_after(hosted_env, 3)
    assert hosted_env.work(job_id)["status"] == "completed"
    assert len(hosted_env.elevenlabs.voices) == 1


def test_a_refused_clone_is_retried_without_looking_for_a_dead_workers_voice(hosted_env: HostedEnv) -> None:
    seen = show_after(hosted_env, 99)
    hosted_env.elevenlabs.faults.add(Fault("/v1/voices/add", status=503, body=None))
    job = hosted_env.client.post(CLONE, {"audioUrl": hosted_env.upload(), "provider": "elevenlabs"}).json()["job"]
    assert hosted_env.work(job["id"], pauses=(0.0,))["status"] == "completed"
    assert len(seen) == 2, "one before each creation"


@pytest.mark.parametrize("kind", ["speech", "instant"])
def test_a_call_that_could_not_be_ended_since_the_database_was_away_is_ended_later(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def be_away(*_: object, **__: object) -> None:
        raise OperationalError("", None, sqlite3.OperationalError("the database is away"))

    voice_id = hosted_env.clone("elevenlabs")
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=400, body={}))
    with monkeypatch.context() as patched:
        patched.setattr(hosted_env.gateway.provider_calls, "abandon", be_away)
        answer = hosted_env.speak(voice_id) if kind == "speech" else hosted_env.instant("elevenlabs")
    assert answer.status_code == 503
    assert hosted_env.held() == 0
    hosted_env.run_sweeps()
    assert [(row.kind, row.state) for row in hosted_env.gateway.provider_calls.list_all()] == [(kind, "open")]
    for _ in range(3):
        hosted_env.clock.advance(seconds=1201)
        hosted_env.run_sweeps()
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert len(hosted_env.elevenlabs.voices) == 1
