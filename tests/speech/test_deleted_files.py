"""Results of speech jobs whose file was deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import GatewayClient
from tests.support.jobs import work

TTS = "/v1/proxy/core-tts"
BODY = {"text": "This is long enough.", "voice_id": "hum", "provider": "local"}
LATER = {"Prefer": "respond-async"}


def spoken(client: GatewayClient) -> tuple[str, dict[str, Any]]:
    """Run a speech job to its end. Returns its id and its result."""
    job_id = client.post(TTS, BODY, headers=LATER).json()["job"]["id"]
    work(client, job_id)
    return job_id, client.get(f"/v2/jobs/{job_id}").json()["result_data"]


def told_by_event(client: GatewayClient, job_id: str) -> dict[str, Any]:
    lines = client.get(f"/v2/jobs/{job_id}/events").text.splitlines()
    data: dict[str, Any] = json.loads([line for line in lines if line.startswith("data: ")][-1][6:])
    return data


@pytest.mark.parametrize("how", ["by its owner", "by the storage's clean-up"])
def test_a_job_has_no_url_of_a_file_that_was_deleted(customer: GatewayClient, how: str) -> None:
    kept_id, kept = spoken(customer)
    job_id, result = spoken(customer)
    if how == "by its owner":
        assert customer.delete(f"/v1/media/{result['key']}").status_code == 200
    else:
        customer.gateway.media.remove(result["key"])
    assert customer.http.get(result["url"]).status_code == 404

    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert job["status"] == "completed"
    assert job["result_data"]["url"] is None
    assert job["result_data"]["key"] == result["key"]
    assert any("deleted" in warning for warning in job["result_data"]["warnings"])
    assert customer.get(f"/v1/media/{result['key']}").status_code == 404
    assert told_by_event(customer, job_id) == job

    by_id = {one["id"]: one["result_data"] for one in customer.get("/v2/jobs").json()["data"]}
    assert by_id[job_id] == job["result_data"]
    assert by_id[kept_id]["url"].startswith("http")
    assert by_id[kept_id].get("warnings") == kept.get("warnings")
