"""Each endpoint's JSON has the same names and types as the contract's examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient
from tests.support.contract import contract
from tests.support.fake_provider import FakeProviderEnv
from voxport.billing.advice import ASK_OPERATOR
from voxport.errors import SampleUnusable
from voxport.jobs.runner import JobRunner

CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"
TTS = "/v1/proxy/core-tts"

# Fields that SPEC.md allows to be null where an example shows a value, or the reverse.
NULLABLE = {
    "folder_id", "cloned_voice_id", "gender", "preview_url", "created_at", "reason", "next_cursor", "service",
    "request_id", "job_id", "units", "result_data", "started_at", "finished_at",
}  # fmt: skip
# Keys that SPEC.md allows beyond those of an example, by the path of the object.
MORE: dict[str, set[str]] = {
    "core-tts-voices.response.data.voices[]": {"kind", "recipe"},
    "jobs.response.completed": {"id", "service", "created_at", "started_at", "finished_at", "progress", "stage"},
    "core-tts-voices.response.data.providers[]": {"markup_tags", "supports_timestamps"},
    "jobs.response.completed.result_data": {"name", "warnings", "quality"},
}


def kind(value: Any) -> str:
    """The JSON type."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "boolean", False: "boolean"}[value]
    return {int: "number", float: "number", str: "string", list: "array", dict: "object"}[type(value)]


def same_shape(ours: Any, example: Any, path: str, name: str = "") -> None:
    if name in NULLABLE and "null" in (kind(ours), kind(example)):
        return
    assert kind(ours) == kind(example), f"{path}: {kind(ours)} where the contract has {kind(example)}"
    if isinstance(example, dict):
        if name in ("details", "limits"):
            return
        assert set(example) <= set(ours), f"{path}: {set(example) - set(ours)} missing"
        extra = set(ours) - set(example) - MORE.get(path, set())
        assert not extra, f"{path}: {extra} are not in the contract"
        for key in example:
            same_shape(ours[key], example[key], f"{path}.{key}", key)
    if isinstance(example, list) and example:
        assert ours, f"{path}: an empty list proves nothing"
        for item in ours:
            if kind(example[0]) == "object":
                like = next((one for one in example if _alike(one, item)), example[0])
                same_shape(item, like, f"{path}[]")
            else:
                assert kind(item) == kind(example[0]), path


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(one.get(key) == other.get(key) for key in ("kind", "provider", "type") if key in one)


def work(fake_env: FakeProviderEnv, job_id: str) -> None:
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    service = runner.begin(job_id)
    assert service is not None
    results: dict[str, dict[str, Any]] = {}
    for name in runner.step_names(service):
        result = runner.run_step(job_id, name, results)
        if result is None:
            return
        results[name] = result


def request_of(name: str, client: GatewayClient, **changes: Any) -> dict[str, Any]:
    """A request of the contract, with a real upload as `audioUrl` and `local` as provider."""
    body: dict[str, Any] = contract(name)
    if "audioUrl" in body:
        body["audioUrl"] = client.upload()["public_url"]
    return {**body, "provider": "local", **changes} if "provider" in body else body


def test_upload_media(client: GatewayClient) -> None:
    body = client.post("/v1/proxy/upload-media", request_of("upload-media.request.json", client)).json()
    same_shape(body, contract("upload-media.response.json"), "upload-media.response")
    assert body["data"]["expires_in"] == 86_400


def test_core_voice_clone(customer: GatewayClient) -> None:
    answer = customer.post(CLONE, request_of("core-voice-clone.request.json", customer))
    assert answer.status_code == 202
    body, example = answer.json(), contract("core-voice-clone.response.202.json")
    same_shape(body, example, "core-voice-clone.response.202")
    for key in ("status", "message"):
        assert body[key] == example[key]
    assert (body["job"]["status"], body["job"]["service"]) == (example["job"]["status"], example["job"]["service"])


def test_a_completed_job(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    job_id = customer.post(CLONE, request_of("core-voice-clone.request.json", customer)).json()["job"]["id"]
    work(fake_env, job_id)
    body, example = customer.get(f"/v2/jobs/{job_id}").json(), contract("jobs.response.completed.json")
    same_shape(body, example, "jobs.response.completed")
    assert body["status"] == example["status"]
    assert (body["units_consumed"], body["token_cost"]) == (example["units_consumed"], example["token_cost"])
    assert body["result_data"]["status"] == example["result_data"]["status"]
    assert body["result_data"]["message"] == example["result_data"]["message"].replace("elevenlabs", "local")


def test_the_quality_of_a_completed_clone(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    """SPEC.md section 5 names `quality` and leaves its fields to the gateway. This test pins their names and types."""
    job_id = customer.post(CLONE, request_of("core-voice-clone.request.json", customer)).json()["job"]["id"]
    work(fake_env, job_id)
    found = customer.get(f"/v2/jobs/{job_id}").json()["result_data"]["quality"]
    assert {name: kind(value) for name, value in found.items()} == {
        "speech_seconds": "number",
        "snr_db": "number",
        "bandwidth_hz": "number",
        "clipped_share": "number",
        "speakers": "number",
        "reverberation": "string",
        "verdict": "string",
        "summary": "string",
        "advice": "array",
    }
    assert isinstance(found["speakers"], int)
    assert found["reverberation"] in ("low", "some", "strong")
    assert found["verdict"] in ("excellent", "good", "fair", "poor")
    assert all(kind(sentence) == "string" for sentence in found["advice"])


def test_a_failed_job(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    fake_env.samples.failure = SampleUnusable("Too short. Record more.", details={"speech_seconds": 0.4})
    job_id = customer.post(CLONE, request_of("core-voice-clone.request.json", customer)).json()["job"]["id"]
    work(fake_env, job_id)
    body, example = customer.get(f"/v2/jobs/{job_id}").json(), contract("jobs.response.failed.json")
    same_shape(body, example, "jobs.response.failed")
    assert (body["status"], body["stage"]) == (example["status"], example["stage"])
    assert body["error"]["code"] == example["error"]["code"]


def test_core_instant_clone_tts(customer: GatewayClient) -> None:
    body = request_of("core-instant-clone-tts.request.json", customer)
    answer = customer.post(INSTANT, body)
    assert answer.status_code == 200
    example: dict[str, str] = contract("core-instant-clone-tts.response.headers.json")
    for name, value in example.items():
        assert name in answer.headers, name
        same = name in ("Content-Type", "X-Text-Length", "X-Gateway-Units", "X-Gateway-Token-Cost")
        assert not same or answer.headers[name] == value, name
    assert answer.headers["X-Gateway-Credit-Balance"] == "98.000000"


def test_core_tts(customer: GatewayClient) -> None:
    body = request_of("core-tts.request.json", customer, voice_id="hum", folder_id="fold_123")
    answer = customer.post(TTS, body)
    assert answer.status_code == 200
    same_shape(answer.json(), contract("core-tts.response.json"), "core-tts.response")


def test_core_tts_voices(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    work(fake_env, customer.post(CLONE, request_of("core-voice-clone.request.json", customer)).json()["job"]["id"])
    body, example = customer.get("/v1/proxy/core-tts-voices").json(), contract("core-tts-voices.response.json")
    assert any(voice["cloned"] for voice in body["data"]["voices"])
    same_shape(body, example, "core-tts-voices.response")
    assert [one["provider"] for one in body["data"]["providers"]] == [
        one["provider"] for one in example["data"]["providers"]
    ]


def test_billing_balance(client: GatewayClient) -> None:
    with client.gateway.database.transaction() as tx:
        client.gateway.billing.hold(
            tx, profile_id=client.profile_id, service="core-voice-clone", amount=5_000_000, request_id="req_x"
        )
    body, example = client.get("/v2/billing/balance").json(), contract("billing-balance.response.json")
    same_shape(body, example, "billing-balance.response")
    assert body["data"]["held"] == example["data"]["held"]
    assert body["data"]["currency"] == example["data"]["currency"]


def test_billing_ledger(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    work(fake_env, customer.post(CLONE, request_of("core-voice-clone.request.json", customer)).json()["job"]["id"])
    body, example = customer.get("/v2/billing/ledger").json(), contract("billing-ledger.response.json")
    same_shape(body, example, "billing-ledger.response")
    for ours, theirs in zip(body["data"], example["data"], strict=True):
        assert [key for key, value in ours.items() if value is None] == [k for k, v in theirs.items() if v is None]
        for key in ("kind", "service", "units", "tokens", "balance_after"):
            assert ours[key] == theirs[key], key


@pytest.mark.parametrize("name", ["error.402.json", "error.422.audio_url.json"])
def test_errors(client: GatewayClient, name: str) -> None:
    poor = client.another_customer(credits="1.25")
    if "402" in name:
        answer = poor.post(CLONE, request_of("core-voice-clone.request.json", poor))
    else:
        answer = poor.post(CLONE, {"audio_url": "https://s3.example.com/a.wav"})
    assert str(answer.status_code) in name
    example = contract(name)
    body = answer.json()
    assert set(body) == set(example)
    same_shape(body["error"], example["error"], "error")
    # The gateway appends advice to the contract's message of a 402.
    advice = f" {ASK_OPERATOR}" if "402" in name else ""
    assert body["error"]["message"] == example["error"]["message"] + advice
    for ours, theirs in zip(body.get("detail", []), example.get("detail", []), strict=True):
        assert set(ours) == set(theirs)
        assert (ours["type"], ours["loc"], ours["msg"]) == (theirs["type"], theirs["loc"], theirs["msg"])


def test_a_claim_of_the_examples_is_checked_by_this_comparison() -> None:
    """The comparison itself fails on each kind of difference."""
    for ours, example in [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": []}, {"a": [1]}),
        ({"a": None}, {"a": 1}),
        ({"a": True}, {"a": 1}),
    ]:
        with pytest.raises(AssertionError):
            same_shape(ours, example, "x")
