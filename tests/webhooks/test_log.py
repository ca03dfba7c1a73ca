"""The delivery log and the secret over HTTP: a profile sees its own only, in pages."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.client import GatewayClient, error_of, open_client, settings_for
from tests.webhooks.conftest import AUDIO, CLONE, LOG
from voxport.gateway import open_gateway

SECRET = "/v2/webhooks/secret"


def completed_delivery(client: GatewayClient) -> str:
    """Creates and cancels a job, whose end is queued for delivery; returns its id."""
    job_id: str = client.post(CLONE, {**AUDIO, "webhook_url": "https://hooks.example.com/"}).json()["job"]["id"]
    assert client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
    return job_id


def test_a_delivery_is_shown_as_it_is_alone_with_its_attempts(client: GatewayClient) -> None:
    job_id = completed_delivery(client)
    (row,) = client.get(LOG).json()["data"]
    assert row.pop("id").startswith("msg_")
    assert re.fullmatch(r"\d{4}-.*\.\d{3}Z", row.pop("created_at"))
    assert row.pop("next_attempt_at").endswith("Z")
    assert row == {
        "type": "job.cancelled",
        "status": "pending",
        "url": "https://hooks.example.com/",
        "job_id": job_id,
        "finished_at": None,
        "attempt_count": 0,
    }
    (row,) = client.get(LOG).json()["data"]
    assert client.get(f"{LOG}/{row['id']}").json()["data"] == {**row, "attempts": []}


def test_the_log_is_filtered_and_comes_in_pages(client: GatewayClient) -> None:
    ids = [completed_delivery(client) for _ in range(5)]
    assert [row["job_id"] for row in client.get(LOG).json()["data"]] == ids[::-1]
    assert [row["job_id"] for row in client.get(f"{LOG}?job_id={ids[2]}").json()["data"]] == [ids[2]]
    assert len(client.get(f"{LOG}?status=pending").json()["data"]) == 5
    assert client.get(f"{LOG}?status=delivered").json()["data"] == []
    assert client.get(f"{LOG}?status=lost").status_code == 422
    first = client.get(f"{LOG}?limit=3").json()
    second = client.get(f"{LOG}?limit=3&cursor={first['next_cursor']}").json()
    assert [row["job_id"] for row in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_anothers_delivery_is_not_there(client: GatewayClient) -> None:
    completed_delivery(client)
    (row,) = client.get(LOG).json()["data"]
    other = client.another_customer()
    assert other.get(LOG).json()["data"] == []
    for answer in (
        other.get(f"{LOG}/{row['id']}"),
        other.post(f"{LOG}/{row['id']}/resend"),
        client.get(f"{LOG}/msg_nobody"),
    ):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "delivery_not_found"
    assert other.get(f"{LOG}?job_id={row['job_id']}").json()["data"] == []


def test_what_is_being_sent_right_now_is_not_sent_twice(client: GatewayClient) -> None:
    completed_delivery(client)
    gateway = client.gateway
    while (claimed := gateway.webhooks.claim()) is not None and claimed.profile_id != client.profile_id:
        pass
    assert claimed is not None
    answer = client.post(f"{LOG}/{claimed.id}/resend")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "delivery_in_flight"


def test_a_secret_has_32_bytes_is_the_profiles_own_and_stays(client: GatewayClient) -> None:
    answer = client.get(SECRET)
    data = answer.json()["data"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(data) == {"secret", "created_at", "previous"}
    assert data["secret"].startswith("whsec_")
    assert len(base64.b64decode(data["secret"].removeprefix("whsec_"))) == 32
    assert client.get(SECRET).json() == answer.json()
    assert client.another_customer().get(SECRET).json()["data"]["secret"] != data["secret"]


def test_the_fifth_change_within_a_day_is_refused(client: GatewayClient) -> None:
    client.get(SECRET)
    for _ in range(4):
        assert client.post(f"{SECRET}/rotate").status_code == 200
    answer = client.post(f"{SECRET}/rotate")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "secret_changed_too_often"
    assert len(client.get(SECRET).json()["data"]["previous"]) == 4


def test_a_first_secret_can_be_changed_before_it_was_seen(client: GatewayClient) -> None:
    data = client.post(f"{SECRET}/rotate").json()["data"]
    assert data["previous"] == []
    assert client.get(SECRET).json()["data"] == data


def test_the_database_alone_tells_no_secret(tmp_path: Path) -> None:
    """The same rows sign differently under another gateway secret, and contain nothing of the signing secret itself."""
    shown = []
    profile = key = ""
    for secret in ("a" * 32, "b" * 32):
        gateway = open_gateway(settings_for(tmp_path, secret_key=secret))
        if not profile:
            client = open_client(gateway)
            profile, key = client.profile_id, client.get(SECRET).json()["data"]["secret"]
        shown.append(gateway.signing_secrets.active(profile)[0].value)
        with gateway.database.snapshot() as tx:
            rows = str(tx.execute(text("SELECT * FROM webhook_secrets")).all())
        assert key.removeprefix("whsec_") not in rows
        gateway.close()
    assert shown[0] == key != shown[1]


@pytest.mark.parametrize("shown", ["repr", "str"])
def test_a_secret_is_in_no_log_line_by_accident(client: GatewayClient, shown: str) -> None:
    (current,) = client.gateway.signing_secrets.active(client.profile_id)
    assert current.value not in (repr(current) if shown == "repr" else str(current))
