"""core-tts as a job, with a fake provider: synthesized piece by piece, resumed, cancelled, charged once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.contract import contract
from tests.support.fake_provider import FakeProviderEnv
from tests.support.stored import stored_keys
from tests.test_contract import same_shape, work
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed
from voxport.jobs.runner import JobRunner
from voxport.providers.base import SAMPLE_RATE

TTS = "/v1/proxy/core-tts"
LATER = {"Prefer": "respond-async"}
BODY = {"text": "This is long enough. " * 20, "voice_id": "hum"}


class Killed(BaseException):
    """Stands for a kill: no handler of `Exception` catches it."""


def queue(client: GatewayClient, **fields: Any) -> str:
    answer = client.post(TTS, {**BODY, **fields}, headers=LATER)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


@pytest.fixture
def five(fake_env: FakeProviderEnv) -> FakeProviderEnv:
    """A provider whose speech is always five pieces of one second."""
    fake_env.provider.samples, fake_env.provider.pieces = 5 * SAMPLE_RATE, 5
    return fake_env


def at_piece(wanted: int, do: Callable[[], None]) -> Callable[[int], None]:
    return lambda number: do() if number == wanted else None


def test_the_answer_is_the_202_of_a_job_and_the_hold_is_seen(customer: GatewayClient) -> None:
    answer = customer.post(TTS, BODY, headers=LATER)
    assert answer.status_code == 202
    body = answer.json()
    same_shape(body, contract("core-voice-clone.response.202.json"), "core-voice-clone.response.202")
    assert (body["job"]["status"], body["job"]["service"]) == ("queued", "core-tts")
    assert answer.headers["Location"] == f"/v2/jobs/{body['job']['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert customer.balance()["held"] > 1
    assert [job["service"] for job in customer.get("/v2/jobs?service=core-tts").json()["data"]] == ["core-tts"]


def test_the_result_is_the_data_of_the_call_that_answers_at_once(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    job_id = queue(customer, folder_id="fold_1", output_format="ogg")
    work(five, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["stage"], job["progress"]) == ("completed", "done", 1.0)
    assert (job["units_consumed"], job["token_cost"]) == (5.0, 0.05)
    data = job["result_data"]
    same_shape(data, contract("core-tts.response.json")["data"], "core-tts.response.data")
    assert data["duration_seconds"] == 5.0
    assert data["folder_id"] == "fold_1"
    assert urlsplit(data["url"]).path.endswith(f"/{data['key']}")
    audio = customer.http.get(data["url"])
    assert audio.headers["Content-Type"] == "audio/ogg"
    assert audio.content.startswith(b"OggS")
    assert customer.balance() == {"balance": 99.95, "credits": 99.95, "held": 0.0, "currency": "token"}
    assert stored_keys(customer.gateway, "jobs") == []
    assert verify(customer.gateway.database) == []


def test_the_url_of_a_result_is_signed_anew_each_time_it_is_asked_for(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    job_id = queue(customer)
    work(five, job_id)
    job = customer.gateway.jobs.get(customer.profile_id, job_id)
    assert job.result is not None
    assert "url" not in job.result


@pytest.mark.parametrize(
    ("prefer", "status"),
    [
        ("respond-async", 202),
        ("Respond-Async, wait=10", 202),
        ("wait=10;respond-async", 200),
        ("handling=lenient, respond-async; foo", 202),
        ("respond-sync", 200),
        ("", 200),
    ],
)
def test_the_preference_is_read_as_rfc_7240_writes_it(customer: GatewayClient, prefer: str, status: int) -> None:
    assert customer.post(TTS, BODY, headers={"Prefer": prefer}).status_code == status


def test_a_text_over_the_limit_of_one_call_says_how_to_send_it(customer: GatewayClient) -> None:
    for extra in ({}, {"stream": True}):
        answer = customer.post(TTS, {**BODY, "text": "a" * 5001, **extra})
        assert answer.status_code == 422
        assert "Prefer: respond-async" in error_of(answer)["message"]
        assert error_of(answer)["details"] == {"limit": 5000, "length": 5001}


def test_a_job_takes_a_hundred_thousand_characters_and_no_more(customer: GatewayClient) -> None:
    rich = customer.another_customer(credits="1000")
    assert rich.post(TTS, {**BODY, "text": "a" * 100_000}, headers=LATER).status_code == 202
    answer = rich.post(TTS, {**BODY, "text": "a" * 100_001}, headers=LATER)
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"limit": 100_000, "length": 100_001}
    assert customer.post(TTS, {**BODY, "text": "a" * 100_000}, headers=LATER).status_code == 402


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"text": " "}, 422),
        ({"voice_id": "nobody"}, 404),
        ({"provider": "elevenlabs"}, 400),
        ({"language": "de"}, 422),
        ({"voice_settings": {"speed": 3}}, 422),
    ],
)
def test_what_can_be_refused_at_once_is(customer: GatewayClient, fields: dict[str, Any], status: int) -> None:
    assert customer.post(TTS, {**BODY, **fields}, headers=LATER).status_code == status
    assert customer.get("/v2/jobs").json()["data"] == []
    assert customer.balance()["held"] == 0


def test_the_job_speaks_in_the_language_and_at_the_speed_of_its_request(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    work(five, queue(customer, language="fr-fr", voice_settings={"speed": 0.5}))
    request = five.provider.requests[0]
    assert (request.language, request.settings, request.low_latency) == ("fr-fr", {"speed": 0.5}, False)
    assert request.text == BODY["text"]


def test_progress_is_seen_piece_by_piece(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.jobs.run._PROGRESS_SECONDS", 0.0)
    job_id = queue(customer)
    seen: list[tuple[str, float]] = []

    def look(_: int) -> None:
        job = customer.get(f"/v2/jobs/{job_id}").json()
        seen.append((job["stage"], job["progress"]))

    five.provider.on_piece = look
    work(five, job_id)
    assert seen == [("speaking", share) for share in (0.0, 0.19, 0.38, 0.57, 0.76)]


@pytest.mark.parametrize("killed_at", [0, 1, 4])
def test_a_job_that_was_killed_goes_on_with_the_first_piece_that_is_missing(
    customer: GatewayClient, five: FakeProviderEnv, killed_at: int
) -> None:
    job_id = queue(customer, output_format="wav")
    spoken_pieces: list[int] = []

    def kill(number: int) -> None:
        if number == killed_at and len(spoken_pieces) == killed_at:
            spoken_pieces.append(-1)
            raise Killed
        spoken_pieces.append(number)

    five.provider.on_piece = kill
    with pytest.raises(Killed):
        work(five, job_id)
    assert len(stored_keys(customer.gateway, f"jobs/{job_id}")) == killed_at
    work(five, job_id)
    assert [number for number in spoken_pieces if number >= 0] == [0, 1, 2, 3, 4]
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["units_consumed"]) == ("completed", 5.0)
    whole = customer.post(TTS, {**BODY, "output_format": "wav"}).json()["data"]["url"]
    assert customer.http.get(job["result_data"]["url"]).content == customer.http.get(whole).content
    assert stored_keys(customer.gateway, "jobs") == []
    assert verify(customer.gateway.database) == []


def test_a_job_whose_text_would_be_cut_otherwise_now_begins_again(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    job_id = queue(customer)
    five.provider.on_piece = at_piece(3, lambda: raise_(Killed()))
    with pytest.raises(Killed):
        work(five, job_id)
    spoken_pieces: list[int] = []
    five.provider.on_piece = spoken_pieces.append
    five.provider.plan = "of another version"
    work(five, job_id)
    assert spoken_pieces == [0, 1, 2, 3, 4]
    assert customer.get(f"/v2/jobs/{job_id}").json()["units_consumed"] == 5.0


def test_a_job_that_was_killed_while_it_was_stored_speaks_nothing_again(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queue(customer)
    complete = five.gateway.jobs.complete
    monkeypatch.setattr(five.gateway.jobs, "complete", lambda *_, **__: raise_(Killed()))
    with pytest.raises(Killed):
        work(five, job_id)
    monkeypatch.setattr(five.gateway.jobs, "complete", complete)
    spoken_pieces: list[int] = []
    five.provider.on_piece = spoken_pieces.append
    work(five, job_id)
    assert spoken_pieces == []
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "completed"
    assert len(stored_keys(customer.gateway, "audio")) == 1


def test_a_kill_after_the_charge_leaves_no_parts_and_charges_nothing_twice(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queue(customer)
    monkeypatch.setattr("voxport.speech.parts.StoredParts.delete_all", lambda _: raise_(Killed()))
    with pytest.raises(Killed):
        work(five, job_id)
    monkeypatch.undo()
    assert len(stored_keys(customer.gateway, "jobs")) == 5
    runner = JobRunner(five.gateway.jobs, five.gateway.handlers)
    assert runner.begin_job(job_id) is None  # as the worker that takes it over does, before any step
    assert stored_keys(customer.gateway, "jobs") == []
    assert customer.http.get(customer.get(f"/v2/jobs/{job_id}").json()["result_data"]["url"]).status_code == 200
    assert customer.balance()["credits"] == 99.95
    assert verify(customer.gateway.database) == []


def test_a_cancel_stops_within_a_piece_and_leaves_nothing(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.jobs.run._PROGRESS_SECONDS", 0.0)
    job_id = queue(customer)
    spoken_pieces: list[int] = []

    def cancel(number: int) -> None:
        spoken_pieces.append(number)
        if number == 2:
            customer.post(f"/v2/jobs/{job_id}/cancel").raise_for_status()

    five.provider.on_piece = cancel
    work(five, job_id)
    assert spoken_pieces == [0, 1, 2]
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "cancelled"
    assert stored_keys(customer.gateway, "") == []
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_cancel_while_the_file_is_written_leaves_nothing(
    customer: GatewayClient, five: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.jobs.run._PROGRESS_SECONDS", 0.0)
    job_id = queue(customer)
    complete = five.gateway.jobs.complete

    def too_late(*args: Any, **values: Any) -> None:
        customer.post(f"/v2/jobs/{job_id}/cancel").raise_for_status()
        complete(*args, **values)

    monkeypatch.setattr(five.gateway.jobs, "complete", too_late)
    work(five, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "cancelled"
    assert stored_keys(customer.gateway, "") == []
    assert customer.balance()["credits"] == 100


def test_a_failure_in_the_middle_fails_the_job_costs_nothing_and_leaves_nothing(
    customer: GatewayClient, five: FakeProviderEnv
) -> None:
    five.provider.failure, five.provider.fail_at_piece = ProviderFailed("It broke."), 3
    job_id = queue(customer)
    work(five, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["error"]["message"], job["token_cost"]) == ("failed", "It broke.", 0.0)
    assert stored_keys(customer.gateway, "") == []
    assert customer.balance()["balance"] == 100


def test_no_audio_at_all_is_a_failure(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.samples = 0
    job_id = queue(customer)
    work(fake_env, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["error"]["code"] == "provider_failed"


def test_a_voice_that_is_gone_fails_the_job(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    job_id = queue(customer)
    fake_env.provider.stock.clear()
    work(fake_env, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["error"]["code"] == "voice_not_found"
    assert customer.balance()["balance"] == 100


def raise_(error: BaseException) -> None:
    raise error
