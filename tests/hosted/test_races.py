"""Two things at once at a hosted provider, and things that go wrong twice: no voice is left, no hold stays open, nobody
loses a voice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from tests.support.hosted import CLONE, House, recording
from voxport.billing.verify import verify
from voxport.errors import OutcomeUnknown
from voxport.jobs.runner import Runner
from voxport.jobs.service import NewJob
from voxport.provider_calls.service import New
from voxport.providers.base import VoiceRef
from voxport.samples.loader import Source
from voxport.speech.drain import PaidParts
from voxport.testing.doubles import Fault


def down(path: str) -> Fault:
    return Fault(path, status=503, body=None, times=999)


def later(home: House) -> None:
    """An hour, with the worker at work."""
    for _ in range(3):
        home.clock.turn(seconds=1201)
        home.tidy()


def before(home: House, provider: str, name: str, first: Callable[[], None]) -> None:
    """Do this before the provider's method runs, once."""
    one = home.gateway.providers.get(provider)
    real = getattr(one, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        setattr(one, name, real)
        first()
        return real(*arguments, **named)

    setattr(one, name, wrapped)


def test_a_second_job_that_binds_harms_the_first_one_s_voice_not(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    path = f"/v1/voices/{voice_id}/bindings"
    for provider in ("local", "minimax"):
        first, second = (home.client.post(path, {"provider": provider}) for _ in range(2))
        assert home.run(first)["status"] == "completed"
        assert home.run(second)["status"] == "failed"
        later(home)
        assert home.say(voice_id, provider=provider).status_code == 200
    assert len(home.minimax.voices) == 1


@pytest.mark.parametrize("service", ["clone", "instant"])
def test_work_that_goes_on_elsewhere_takes_its_hold_along(home: House, service: str) -> None:
    home.elevenlabs.faults.add(down("/v1/voices/add"))
    before(home, "minimax", "clone", lambda: later(home))
    if service == "clone":
        home.clone("auto")
        assert home.client.balance()["balance"] == 95
    else:
        assert home.instant("auto").headers["X-Provider"] == "minimax"
        assert home.client.balance()["balance"] == 98
    later(home)
    assert home.held() == 0
    assert not home.elevenlabs.voices
    assert verify(home.gateway.database) == []


def test_a_clone_at_the_second_provider_is_adopted_after_a_kill_though_the_first_is_back(home: House) -> None:
    home.elevenlabs.faults.add(down("/v1/voices/add"))
    job_id = home.client.post(CLONE, {"audioUrl": home.upload(), "provider": "auto"}).json()["job"]["id"]
    runner = Runner(home.gateway.jobs, home.gateway.handlers)
    runner.begin(job_id)
    sample = runner.run_step(job_id, "sample", {})
    assert sample is not None
    made = runner.run_step(job_id, "clone", {"sample": sample})
    assert made is not None
    assert made["provider"] == "minimax"
    home.elevenlabs.faults.clear()  # a kill came before the step's result was written: it runs again
    job = home.work(job_id)
    assert (job["status"], job["result_data"]["provider"]) == ("completed", "minimax")
    later(home)
    assert (len(home.elevenlabs.voices), len(home.minimax.voices)) == (0, 1)


def test_a_voice_that_is_deleted_while_it_is_made_again_leaves_nothing(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    home.run(home.client.post(f"/v1/voices/{voice_id}/bindings", {"provider": "minimax"}))
    home.gateway.providers.get("elevenlabs").delete(VoiceRef(next(iter(home.elevenlabs.voices))))
    making, made, deleting = threading.Event(), threading.Event(), threading.Event()

    def make() -> None:
        making.set()
        assert deleting.wait(60)

    def remove() -> None:
        deleting.set()
        assert made.wait(60)

    before(home, "elevenlabs", "clone", make)
    before(home, "minimax", "delete", remove)
    speaking = threading.Thread(target=lambda: home.say(voice_id, provider="elevenlabs"))
    removing = threading.Thread(target=lambda: home.client.delete(f"/v1/voices/{voice_id}"))
    speaking.start()
    assert making.wait(60)
    removing.start()
    speaking.join()
    made.set()
    removing.join()
    later(home)
    assert not home.elevenlabs.voices
    assert not home.minimax.voices
    assert home.held() == 0


def test_a_hold_comes_back_though_the_provider_can_be_asked_no_more(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", lost=True))
    before(home, "elevenlabs", "delete", lambda: home.elevenlabs.account.keys.clear())  # the key is revoked
    assert home.instant("elevenlabs").status_code == 504
    later(home)
    assert home.client.balance()["balance"] == 100
    rows = [(row.kind, row.state) for row in home.gateway.intents.every()]
    assert rows == [("instant", "lost"), ("instant", "removing")], "the voice is still to be removed"


def test_a_row_that_can_not_be_looked_into_stops_no_other(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    with home.gateway.database.transaction() as tx:
        home.gateway.intents.open(tx, New("rebuild", "local", "x", home.client.profile_id), state="removing")
    home.local.delete_failure = RuntimeError("a bug of a plugin")  # type: ignore[assignment]
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", lost=True))
    assert home.say(voice_id).status_code == 504
    later(home)
    assert home.held() == 0


def test_an_unknown_outcome_without_an_intent_keeps_no_hold(home: House) -> None:
    home.local.failure = OutcomeUnknown("The engine said nothing.")
    job = home.run(home.client.post(CLONE, {"audioUrl": home.upload(), "provider": "local"}))
    assert (job["status"], job["error"]["code"]) == ("failed", "provider_timeout")
    assert home.held() == 0


def test_a_job_of_before_there_was_auto_is_done(home: House) -> None:
    source = Source(key=home.client.upload(recording(0))["object_key"])
    request = {"source": asdict(source), "provider": "local", "name": "n", "description": ""}
    new = NewJob(home.client.profile_id, "core-voice-clone", request, "oldvoice", 5_000_000, "req_1")
    job = home.work(home.gateway.jobs.submit(new).id)
    assert (job["status"], job["result_data"]["provider"]) == ("completed", "local")


def test_a_voice_that_is_only_said_to_be_gone_does_not_stay_beside_the_new_one(home: House) -> None:
    voice_id = home.clone("elevenlabs")
    gone = {"detail": {"status": "voice_not_found", "message": "x"}}
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", status=404, body=gone, times=2))
    assert home.say(voice_id).status_code == 502
    assert home.say(voice_id).status_code == 200
    home.tidy()
    assert len(home.elevenlabs.voices) == 1
    home.client.delete(f"/v1/voices/{voice_id}")
    later(home)
    assert not home.elevenlabs.voices
    assert home.gateway.intents.every() == []


def test_a_twin_that_came_late_goes_with_its_voice(home: House) -> None:
    home.elevenlabs.faults.add(Fault("/v1/voices/add", lost=True))
    home.elevenlabs.hidden_until = float("inf")
    voice_id = home.clone("elevenlabs")
    home.elevenlabs.hidden_until = 0.0
    assert len(home.elevenlabs.voices) == 2
    home.client.delete(f"/v1/voices/{voice_id}")
    assert not home.elevenlabs.voices


def test_keeping_alive_is_not_repeated_when_its_answer_is_lost(home: House) -> None:
    home.clone("minimax")
    spoken = len(home.minimax.spoken)
    home.clock.turn(days=5.5)
    home.minimax.faults.add(Fault("/v1/t2a_v2", lost=True, times=99))
    for _ in range(4):
        home.clock.turn(seconds=60)
        home.tidy()
    assert len(home.minimax.spoken) == spoken + 1


def test_a_clone_that_is_cancelled_while_it_is_made_leaves_no_voice(home: House) -> None:
    job_id = home.client.post(CLONE, {"audioUrl": home.upload(), "provider": "elevenlabs"}).json()["job"]["id"]

    def cancel_and_wait() -> None:
        home.client.post(f"/v2/jobs/{job_id}/cancel")
        home.tidy()
        home.clock.turn(seconds=301)
        home.tidy()

    before(home, "elevenlabs", "clone", cancel_and_wait)
    home.work(job_id)
    later(home)
    assert not home.elevenlabs.voices
    assert home.client.balance()["balance"] == 100


def test_a_short_recording_goes_to_the_next_provider(home: House) -> None:
    short = home.client.upload(home.client.http.get(home.upload()).content[: 44 + 2 * 24_000 * 5])["public_url"]
    body = {"audioUrl": short, "text": "Hi there.", "provider": "minimax"}
    answer = home.client.post("/v1/proxy/core-instant-clone-tts", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["reason"] == "too_short"
    assert home.minimax.requests == [("POST", "/v1/get_voice")], "nothing was sent there"
    assert home.client.post("/v1/proxy/core-instant-clone-tts", {**body, "provider": "auto"}).status_code == 200


def test_a_stock_voice_with_a_name_of_many_words_can_be_spoken_with(home: House) -> None:
    answer = home.say("Chinese (Mandarin)_News_Anchor", stream=True)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Used-Voice-Id"] == "Chinese (Mandarin)_News_Anchor"


def test_a_process_that_ends_waits_for_the_part_that_is_paid_for_and_begins_none() -> None:
    parts, speaking, go_on, begun = PaidParts(), threading.Event(), threading.Event(), threading.Event()

    def speak() -> None:
        with parts.one():
            speaking.set()
            assert go_on.wait(60)
        with parts.one():
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
