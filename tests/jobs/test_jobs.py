"""A customer's jobs over HTTP: listing, reading and cancelling."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of, open_client
from voxport.billing.verify import verify
from voxport.errors import SampleUnusable
from voxport.gateway import Gateway

CLONE = "/v1/proxy/core-voice-clone"
AUDIO = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def queue(client: GatewayClient, **fields: Any) -> str:
    answer = client.post(CLONE, {**AUDIO, **fields})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def test_a_queued_clone_says_where_to_look(client: GatewayClient) -> None:
    answer = client.post(CLONE, AUDIO)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"status", "message", "job"}
    assert body["status"] == "accepted"
    assert UUID.fullmatch(body["job"]["id"])
    assert MOMENT.fullmatch(body["job"]["created_at"])
    assert answer.headers["Location"] == f"/v2/jobs/{body['job']['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get(answer.headers["Location"]).status_code == 200


def test_a_queued_job_waits_and_costs_nothing_yet(client: GatewayClient) -> None:
    job = client.get(f"/v2/jobs/{queue(client)}").json()
    assert job.pop("id")
    assert MOMENT.fullmatch(job.pop("created_at"))
    assert job == {
        "service": "core-voice-clone",
        "status": "queued",
        "stage": "waiting",
        "progress": 0.0,
        "started_at": None,
        "finished_at": None,
        "result_data": None,
        "units_consumed": 0.0,
        "token_cost": 0.0,
    }


def test_without_a_provider_the_clone_goes_to_local(client: GatewayClient) -> None:
    job_id = client.post(CLONE, {"audioUrl": AUDIO["audioUrl"]}).json()["job"]["id"]
    job = client.gateway.jobs.get(client.profile_id, job_id)
    assert job.request["providers"] == ["local"]


@pytest.mark.parametrize("job_id", ["00000000-0000-0000-0000-000000000000", "nonsense", "x" * 5000, "' OR 1=1"])
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", "/cancel")])
def test_a_job_that_is_not_there_is_404(client: GatewayClient, method: str, suffix: str, job_id: str) -> None:
    answer = client.request(method, f"/v2/jobs/{job_id}{suffix}")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "job_not_found"


def test_another_profiles_job_is_404_and_stays_as_it_is(client: GatewayClient) -> None:
    job_id = queue(client)
    other = client.another_customer()
    for answer in (other.get(f"/v2/jobs/{job_id}"), other.post(f"/v2/jobs/{job_id}/cancel")):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "job_not_found"
    assert other.get("/v2/jobs").json()["data"] == []
    assert client.get(f"/v2/jobs/{job_id}").json()["status"] == "queued"
    assert client.balance()["held"] == 5


def test_a_cancel_ends_a_queued_job_and_answers_with_it(client: GatewayClient) -> None:
    job_id = queue(client)
    answer = client.post(f"/v2/jobs/{job_id}/cancel")
    assert answer.status_code == 200
    job = answer.json()
    assert (job["id"], job["status"], job["token_cost"]) == (job_id, "cancelled", 0.0)
    assert MOMENT.fullmatch(job["finished_at"])
    assert "error" not in job
    assert client.get(f"/v2/jobs/{job_id}").json() == job
    assert client.balance()["held"] == 0


def test_a_second_cancel_is_409_and_gives_nothing_back_twice(client: GatewayClient) -> None:
    job_id = queue(client)
    assert client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    answer = client.post(f"/v2/jobs/{job_id}/cancel")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "job_not_cancellable"
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}


def test_a_failed_job_keeps_its_row_and_says_why(client: GatewayClient) -> None:
    job_id = queue(client)
    jobs = client.gateway.jobs
    jobs.begin(job_id)
    jobs.fail(jobs.get(client.profile_id, job_id), SampleUnusable("Too short.", details={"speech_seconds": 0.4}))
    job = client.get(f"/v2/jobs/{job_id}").json()
    assert job["status"] == "failed"
    assert job["error"]["code"] == "sample_unusable"
    assert job["error"]["message"] == "Too short."
    assert job["error"]["details"] == {"speech_seconds": 0.4}
    assert job["error"]["request_id"].startswith("req_")
    assert job["token_cost"] == 0
    assert client.post(f"/v2/jobs/{job_id}/cancel").status_code == 409


@pytest.fixture
def full(gateway: Gateway) -> GatewayClient:
    """A customer with two queued, one processing, one failed and two cancelled jobs."""
    client = open_client(gateway)
    ids = [queue(client) for _ in range(6)]
    for job_id in ids[4:]:
        assert client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    gateway.jobs.begin(ids[2])
    gateway.jobs.fail(gateway.jobs.get(client.profile_id, ids[3]), SampleUnusable("no"))
    return client


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6),
        ("?status=queued", 2),
        ("?status=processing", 1),
        ("?status=failed", 1),
        ("?status=cancelled", 2),
        ("?status=completed", 0),
        ("?service=core-voice-clone", 6),
        ("?service=core-voice-clone&status=queued", 2),
        ("?service=core-tts", 0),
    ],
)
def test_the_list_is_filtered_by_status_and_service(full: GatewayClient, query: str, count: int) -> None:
    body = full.get(f"/v2/jobs{query}").json()
    assert body["status"] == "success"
    assert body["next_cursor"] is None
    assert len(body["data"]) == count


def test_the_list_shows_each_job_as_it_is_alone_newest_first(full: GatewayClient) -> None:
    rows = full.get("/v2/jobs").json()["data"]
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    for row in rows:
        assert full.get(f"/v2/jobs/{row['id']}").json() == row


@pytest.mark.parametrize("query", ["", "&status=cancelled", "&service=core-voice-clone&status=queued"])
def test_pages_hold_every_job_once(full: GatewayClient, query: str) -> None:
    whole = [row["id"] for row in full.get(f"/v2/jobs?limit=200{query}").json()["data"]]
    for limit in (1, 2, 5, 6, 7):
        shown_job: list[str] = []
        cursor = ""
        while True:
            page = full.get(f"/v2/jobs?limit={limit}{query}{cursor}").json()
            shown_job += [row["id"] for row in page["data"]]
            if page["next_cursor"] is None:
                break
            assert len(page["data"]) == limit
            cursor = f"&cursor={page['next_cursor']}"
        assert shown_job == whole


def test_the_books_are_right_after_all_of_it(full: GatewayClient) -> None:
    assert full.balance() == {"balance": 85.0, "credits": 100.0, "held": 15.0, "currency": "token"}
    assert verify(full.gateway.database) == []
