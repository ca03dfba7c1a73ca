"""Cloning with a fake provider: the job from the queue to the voice, and the instant clone."""

from __future__ import annotations

import io
import time
import wave
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed, SampleUnusable
from voxport.jobs.port import Json
from voxport.jobs.runner import JobRunner
from voxport.media.signing import Grant
from voxport.voices.storage_keys import sample_key, voice_key

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"


def queue(client: GatewayClient, **fields: Any) -> str:
    answer = client.post(CLONE, {"audioUrl": client.upload()["public_url"], "provider": "local", **fields})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def work(
    fake_env: FakeProviderEnv, job_id: str, *, steps: int = 3, results: dict[str, Json] | None = None
) -> dict[str, Json]:
    """Run some steps of a job as the worker does. Returns their results."""
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    done = {} if results is None else results
    service = runner.begin(job_id)
    assert service == "core-voice-clone"
    for name in runner.step_names(service)[len(done) : len(done) + steps]:
        result = runner.run_step(job_id, name, done)
        if result is None:
            break
        done[name] = result
    return done


def voice_files(fake_env: FakeProviderEnv, voice_id: str) -> list[bool]:
    storage = fake_env.gateway.storage
    return [storage.size(key) is not None for key in (sample_key(voice_id), voice_key(voice_id, "local"))]


def subject(client: GatewayClient, job_id: str) -> str:
    return client.gateway.jobs.get(client.profile_id, job_id).output_id


def test_a_clone_job_makes_a_voice_that_speaks(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.samples.warnings = ("It is a little noisy.",)
    job_id = queue(customer, name="Spokesperson", description="For the news.")
    work(fake_env, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert job["status"] == "completed"
    assert (job["units_consumed"], job["token_cost"]) == (1.0, 5.0)
    result = job["result_data"]
    assert result["message"] == "Voice cloned successfully with local"
    assert result["warnings"] == ["It is a little noisy."]
    voice = customer.get(f"/v1/voices/{result['voice_id']}").json()["data"]
    assert (voice["name"], voice["description"], voice["cloned"]) == ("Spokesperson", "For the news.", True)
    spoken = customer.post("/v1/proxy/core-tts", {"text": "Hello there, world.", "voice_id": result["voice_id"]})
    assert spoken.status_code == 200
    assert verify(customer.gateway.database) == []


def test_two_clones_of_one_upload_are_two_voices(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    for _ in range(2):
        work(fake_env, queue(customer))
    ids = {
        voice["voice_id"] for voice in customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
    }
    assert len(ids) == 2
    assert customer.balance()["credits"] == 90


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_a_step_that_a_kill_repeats_leaves_one_voice_and_one_charge(
    customer: GatewayClient, fake_env: FakeProviderEnv, killed_after: int
) -> None:
    job_id = queue(customer)
    kept = work(fake_env, job_id, steps=killed_after)
    work(fake_env, job_id, steps=1, results=dict(kept))  # the worker dies before this result is stored
    if killed_after < 2:
        work(fake_env, job_id, results=kept)
    else:
        assert JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers).run_step(job_id, "register", kept) is None
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "completed"
    assert len(customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]) == 1
    assert customer.balance() == {"balance": 95.0, "credits": 95.0, "held": 0.0, "currency": "token"}
    assert voice_files(fake_env, subject(customer, job_id)) == [True, True]
    assert verify(customer.gateway.database) == []


def test_a_sample_that_is_no_good_fails_the_job_and_costs_nothing(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.samples.failure = SampleUnusable("0.4 s of speech. Record more.", details={"speech_seconds": 0.4})
    job_id = queue(customer)
    work(fake_env, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert job["status"] == "failed"
    assert job["stage"] == "checking"
    assert job["error"]["code"] == "sample_unusable"
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert voice_files(fake_env, subject(customer, job_id)) == [False, False]


def test_a_provider_that_fails_leaves_nothing_of_the_clone(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.provider.failure = ProviderFailed("It broke.")
    job_id = queue(customer)
    work(fake_env, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["error"]["message"]) == ("failed", "It broke.")
    assert voice_files(fake_env, subject(customer, job_id)) == [False, False]
    assert customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"] == []
    assert customer.balance()["balance"] == 100


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_cancel_after_any_step_leaves_no_voice_no_file_and_no_charge(
    customer: GatewayClient, fake_env: FakeProviderEnv, steps: int
) -> None:
    job_id = queue(customer)
    kept = work(fake_env, job_id, steps=steps)
    assert customer.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    assert runner.run_step(job_id, ["sample", "clone", "register"][steps], kept) is None
    assert voice_files(fake_env, subject(customer, job_id)) == [False, False]
    assert customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"] == []
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert verify(customer.gateway.database) == []


def test_an_upload_that_is_swept_before_its_job_fails_the_job_clearly(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    slot = customer.upload()
    job_id = customer.post(CLONE, {"audioUrl": slot["public_url"], "provider": "local"}).json()["job"]["id"]
    customer.gateway.media.remove(slot["object_key"])
    work(fake_env, job_id)
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["error"]["code"]) == ("failed", "media_not_found")
    assert customer.balance()["balance"] == 100


# The instant clone.


def instant(client: GatewayClient, **fields: Any) -> Any:
    body = {"audioUrl": client.upload()["public_url"], "text": "Hello, this is my cloned voice speaking.", **fields}
    return client.post(INSTANT, body)


def test_an_instant_clone_is_a_wav_with_everything_else_in_headers(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    answer = instant(customer, provider="local")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["X-Provider"] == "local"
    assert answer.headers["X-Used-Voice-Id"] == fake_env.provider.cloned[0]
    assert answer.headers["X-Text-Length"] == "40"
    assert answer.headers["X-Gateway-Units"] == "1.0"
    assert answer.headers["X-Gateway-Token-Cost"] == "2.000000"
    assert answer.headers["X-Gateway-Credit-Balance"] == "98.000000"
    assert "X-Voxport-Warnings" not in answer.headers
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (
            1,
            2,
            24_000,
            24_000,
        )
    assert verify(customer.gateway.database) == []


def test_no_voice_is_kept_of_an_instant_clone(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    assert instant(customer).status_code == 200
    assert fake_env.provider.deleted == fake_env.provider.cloned
    assert customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"] == []
    used = fake_env.provider.cloned[0]
    assert customer.post("/v1/proxy/core-tts", {"text": "Hi", "voice_id": used}).status_code == 404
    assert voice_files(fake_env, used) == [False, False]


@pytest.mark.parametrize(("text", "length"), [("Señor 😀!", 8), ("e\u0301t\u00e9", 4), ("  padded  ", 10)])
def test_the_text_is_counted_in_unicode_characters_as_it_was_sent(
    customer: GatewayClient, text: str, length: int
) -> None:
    assert instant(customer, text=text).headers["X-Text-Length"] == str(length)


def test_warnings_come_in_a_header_of_plain_letters(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.samples.warnings = ("First: noisy.", "Second: naïve\r\nX-Evil: 1")
    answer = instant(customer)
    assert answer.status_code == 200
    assert answer.headers["X-Voxport-Warnings"].startswith("First: noisy. Second:")
    assert "X-Evil" not in answer.headers


def test_an_instant_clone_that_fails_midway_costs_nothing_and_its_voice_is_deleted(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.samples = 0
    answer = instant(customer)
    assert answer.status_code == 502
    assert fake_env.provider.deleted == fake_env.provider.cloned != []
    assert customer.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_bad_sample_of_an_instant_clone_is_400_and_costs_nothing(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.samples.failure = SampleUnusable("No speech was found. Record a voice.", details={"speech_seconds": 0.0})
    answer = instant(customer)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "sample_unusable"
    assert customer.balance()["balance"] == 100


def test_a_temporary_voice_that_cannot_be_deleted_is_either_paid_and_delivered_or_neither(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.delete_failure = ProviderFailed("Try later.")
    answer = instant(customer)
    assert customer.balance()["balance"] == (98 if answer.status_code == 200 else 100)
    assert customer.balance()["held"] == 0


def test_an_own_upload_is_used_although_its_url_has_expired_while_the_job_waited(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = customer.upload()
    grant = Grant("get", slot["object_key"], int(time.time()) + 3_600)
    job_id = customer.post(CLONE, {"audioUrl": customer.gateway.signer.url(grant), "provider": "local"}).json()["job"][
        "id"
    ]
    monkeypatch.setattr(time, "time", lambda real=time.time: real() + 3_600)
    assert grant.is_expired
    work(fake_env, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "completed"
