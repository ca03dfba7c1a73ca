"""What a receiver gets, and what the gateway does when the receiver fails."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session
from standardwebhooks import WebhookVerificationError

from tests.support.client import GatewayClient
from tests.support.jobs import work
from tests.webhooks.conftest import CLONE, LOG, OpenReceiver, WebhookEnv
from voxport.errors import SampleUnusable
from voxport.fetch.client import FetchPolicy
from voxport.testing.receiver import Answer, WebhookReceiver, reset_connection, respond_with, stay_silent
from voxport.webhooks.sender import parse_retry_after

OpenWebhookEnv = Callable[..., WebhookEnv]
UNREACHABLE = "The webhook_url could not be reached."


def test_the_end_of_a_job_is_told_with_the_very_json_of_the_job(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver()
    webhook_env = open_webhook_env(there)
    job_id = webhook_env.cancelled(there.url)
    assert webhook_env.send() == 1
    (came,) = there.received
    assert came.line == "POST /hook HTTP/1.1"
    assert came.headers["content-type"] == "application/json"
    payload = came.verify(webhook_env.secret())
    assert set(payload) == {"type", "timestamp", "data"}
    assert payload["type"] == "job.cancelled"
    job = webhook_env.client.get(f"/v2/jobs/{job_id}").json()
    assert payload["data"] == job
    assert abs(datetime.fromisoformat(str(payload["timestamp"])) - datetime.now(UTC)) < timedelta(minutes=1)
    shown = webhook_env.only()
    assert (shown["status"], shown["attempt_count"], shown["job_id"]) == ("delivered", 1, job_id)
    assert shown["id"] == came.headers["webhook-id"]
    assert webhook_env.send() == 0


def test_a_completed_and_a_failed_job_are_told_by_their_types(customer: GatewayClient) -> None:
    gateway = customer.gateway
    body = {"text": "Hello.", "voice_id": "hum", "webhook_url": "https://example.com/hook"}
    later = {"Prefer": "respond-async"}
    done, failed = (
        customer.post("/v1/proxy/core-tts", body, headers=later).json()["job"]["id"] for _ in ("done", "failed")
    )
    work(customer, done)
    gateway.jobs.begin(failed)
    gateway.jobs.fail(gateway.jobs.get(customer.profile_id, failed), SampleUnusable("Too short."))
    rows = {row["job_id"]: row["type"] for row in customer.get(LOG).json()["data"]}
    assert rows == {done: "job.completed", failed: "job.failed"}
    for job_id in (done, failed):
        claimed = gateway.webhooks.claim()
        assert claimed is not None
        payload = gateway.webhook_sender._body(claimed)["data"]
        job = customer.get(f"/v2/jobs/{job_id}").json()
        if job_id == done:  # its URL is signed anew each time
            assert customer.http.get(payload["result_data"].pop("url")).status_code == 200
            job["result_data"].pop("url")
        assert payload == job


def test_a_job_without_a_url_is_told_to_nobody(open_webhook_env: OpenWebhookEnv) -> None:
    webhook_env = open_webhook_env()
    job_id = webhook_env.client.post(CLONE, {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}).json()
    webhook_env.client.post(f"/v2/jobs/{job_id['job']['id']}/cancel")
    assert webhook_env.client.get(LOG).json()["data"] == []


def test_a_body_that_was_changed_on_the_way_is_found_out(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver()
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    (came,) = there.received
    forged = type(came)(came.line, came.headers, came.body.replace(b"cancelled", b"completed"), came.at)
    with pytest.raises(WebhookVerificationError):
        forged.verify(webhook_env.secret())


def test_the_message_is_written_with_the_end_of_the_job_or_not_at_all(
    open_webhook_env: OpenWebhookEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_env = open_webhook_env()
    answer = webhook_env.client.post(
        CLONE, {"audioUrl": "https://m.example.com/a", "webhook_url": "https://example.com/h"}
    )
    job_id, gateway = answer.json()["job"]["id"], webhook_env.client.gateway

    def lost(tx: Session, hold_id: str) -> bool:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(gateway.billing, "release", lost)
    assert webhook_env.client.post(f"/v2/jobs/{job_id}/cancel").status_code == 500
    assert webhook_env.client.get(LOG).json()["data"] == []
    assert webhook_env.client.get(f"/v2/jobs/{job_id}").json()["status"] == "queued"


BAD: dict[str, Answer] = {
    "500": respond_with(500),
    "404": respond_with(404),
    "302": respond_with(302, "Location: http://127.0.0.1:1/elsewhere"),
    "307": respond_with(307, "Location: /again"),
    "nothing": stay_silent(3),
    "a reset": reset_connection,
    "no HTTP": lambda connection: connection.sendall(b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("how", list(BAD))
def test_whatever_is_no_success_is_tried_again_later_under_the_same_id(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver, how: str
) -> None:
    there = receiver(BAD[how], respond_with(204, body=b""))
    webhook_env = open_webhook_env(there, webhook_timeout=0.3 if how == "nothing" else 20.0)
    webhook_env.cancelled(there.url)
    assert webhook_env.send() == 1
    shown = webhook_env.only()
    assert shown["status"] == "pending"
    status = int(how) if how.isdigit() else None
    assert [(one["status"], one["error"]) for one in shown["attempts"]] == [(status, None if status else UNREACHABLE)]
    assert webhook_env.send() == 0, "it is not due yet"
    webhook_env.clock.advance(seconds=7)
    assert webhook_env.send() == 1
    first, second = there.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == shown["id"]
    assert json.loads(first.body) == json.loads(second.body)
    assert [one["status"] for one in webhook_env.only()["attempts"]] == [status, 204]
    assert webhook_env.only()["status"] == "delivered"


def test_a_receiver_that_is_not_there_is_tried_on_the_schedule_and_then_given_up(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver(listening=False)
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    begun = webhook_env.clock.now()
    moments = []
    while webhook_env.only()["status"] == "pending":
        due = datetime.fromisoformat(webhook_env.only()["next_attempt_at"]).timestamp()
        webhook_env.clock.advance(seconds=max(0.0, due - webhook_env.clock.now() + 0.01))
        moments.append(webhook_env.clock.now() - begun)
        assert webhook_env.send() == 1
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    schedule = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert len(pauses) == len(schedule)
    for pause, planned in zip(pauses, schedule, strict=True):
        assert planned <= pause <= planned * 1.2 + 2
    assert len({round(pause / planned, 3) for pause, planned in zip(pauses, schedule, strict=True)}) > 3, "no jitter"
    shown = webhook_env.only()
    assert (shown["status"], shown["attempt_count"], shown["next_attempt_at"]) == ("failed", 10, None)
    assert webhook_env.send() == 0


def test_retry_after_is_honoured(open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver) -> None:
    there = receiver(respond_with(429, "Retry-After: 100"), respond_with(200))
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    webhook_env.clock.advance(seconds=95)
    assert webhook_env.send() == 0
    webhook_env.clock.advance(seconds=6)
    assert webhook_env.send() == 1
    assert webhook_env.only()["status"] == "delivered"


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert parse_retry_after("120") == timedelta(seconds=120)
    later = parse_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later is not None
    assert timedelta(seconds=55) < later <= timedelta(seconds=60)
    assert parse_retry_after(format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)) == timedelta()
    assert [parse_retry_after(text) for text in (None, "", "soon", "-5", "9" * 30)] == [None] * 5
    assert parse_retry_after("Mon, 01 Jan 2026 00:00:00 +99999999999999999") is None


def test_a_receiver_that_is_gone_for_good_is_told_no_more(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver(respond_with(410))
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    assert webhook_env.only()["status"] == "failed"
    webhook_env.clock.advance(days=2)
    assert webhook_env.send() == 0


def test_a_private_address_behind_a_name_is_refused_as_blandly_as_one_that_is_not_there(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver()

    def resolve(host: str, port: int) -> list[str]:
        if host == "inside.example.com":
            return ["127.0.0.1"]
        raise OSError("no such name")

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", there.port), seconds)

    webhook_env = open_webhook_env(
        fetch_policy=FetchPolicy(max_bytes=0, timeout_seconds=1, resolver=resolve, dialer=dial)
    )
    for host in ("inside.example.com", "nowhere.example.com"):
        webhook_env.cancelled(f"http://{host}/hook")
    assert webhook_env.send() == 2
    rows = webhook_env.client.get(LOG).json()["data"]
    details = [webhook_env.client.get(f"{LOG}/{row['id']}").json()["data"] for row in rows]
    assert [[one["error"] for one in detail["attempts"]] for detail in details] == [[UNREACHABLE], [UNREACHABLE]]
    assert there.received == []


def test_the_secret_before_signs_too_for_a_day(open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver) -> None:
    there = receiver()
    webhook_env = open_webhook_env(there)
    old = webhook_env.secret()
    data = webhook_env.client.post("/v2/webhooks/secret/rotate").json()["data"]
    new = webhook_env.secret()
    assert new == data["secret"] != old
    assert [one["secret"] for one in data["previous"]] == [old]
    webhook_env.cancelled(there.url)
    webhook_env.send()
    assert len(there.received[-1].headers["webhook-signature"].split(" ")) == 2
    assert there.received[-1].verify(old) == there.received[-1].verify(new)
    webhook_env.clock.advance(seconds=86_401)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    there.received[-1].verify(new)
    with pytest.raises(WebhookVerificationError):
        there.received[-1].verify(old)
    assert webhook_env.client.get("/v2/webhooks/secret").json()["data"]["previous"] == []
    assert webhook_env.client.gateway.signing_secrets.sweep() == 1


def test_one_that_a_killed_worker_was_sending_is_sent_again_and_by_nobody_before(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver()
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    killed = webhook_env.client.gateway.webhooks.claim()
    assert killed is not None
    assert webhook_env.only()["status"] == "sending"
    assert webhook_env.send() == 0, "another worker sends it at the same time"
    webhook_env.clock.advance(seconds=82)
    assert webhook_env.send() == 1
    assert there.received[0].headers["webhook-id"] == killed.id
    assert webhook_env.only()["status"] == "delivered"


def test_a_worker_that_comes_back_after_its_lease_changes_nothing(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there = receiver(respond_with(200), respond_with(500))
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    slow = webhook_env.client.gateway.webhooks.claim()
    assert slow is not None
    webhook_env.clock.advance(seconds=82)
    assert webhook_env.send() == 1
    webhook_env.client.gateway.webhook_sender.send(slow)
    assert webhook_env.only()["status"] == "delivered"


def test_many_workers_at_once_send_each_message_once(open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver) -> None:
    there = receiver()
    webhook_env = open_webhook_env(there)
    for _ in range(12):
        webhook_env.cancelled(there.url)
    workers = [threading.Thread(target=webhook_env.send) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    webhook_env.send()  # a worker that lost a claim to another tries again in its next round
    ids = [came.headers["webhook-id"] for came in there.received]
    assert len(ids) == len(set(ids)) == 12


def test_a_slow_receiver_holds_up_nobody_elses_webhooks(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    slow, quick = receiver(stay_silent(100)), receiver()
    webhook_env = open_webhook_env(slow, quick, webhook_timeout=60.0, webhook_concurrency=4)
    other = WebhookEnv(webhook_env.client.another_customer(), webhook_env.clock)
    for _ in range(8):
        webhook_env.cancelled(slow.url)
    other.cancelled(quick.url)
    sender = webhook_env.client.gateway.webhook_sender
    sender.start()
    quick.wait(1, 30)  # half the timeout of the slow receiver
    assert len(slow.received) == 1, "a quarter of four"
    sender.stop(0.1)


def test_a_sender_that_stops_begins_no_more_and_waits_for_what_is_under_way(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    answers = threading.Event()

    def late(connection: socket.socket) -> None:
        answers.wait(60)
        respond_with(200)(connection)

    there = receiver(late)
    webhook_env = open_webhook_env(there, webhook_timeout=60.0)
    webhook_env.cancelled(there.url)
    sender = webhook_env.client.gateway.webhook_sender
    sender.start()
    there.wait(1, 60)
    stop = threading.Thread(target=sender.stop, args=(60,))
    stop.start()
    stop.join(0.2)
    assert stop.is_alive()
    answers.set()
    stop.join(60)
    assert webhook_env.only()["status"] == "delivered"
    webhook_env.cancelled(there.url)
    assert not sender._thread.is_alive()
    assert len(there.received) == 1


def test_old_rows_are_swept_with_their_attempts_and_open_ones_stay(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there, nobody = receiver(), receiver(listening=False)
    webhook_env = open_webhook_env(there, nobody, webhook_keep_days=3)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    webhook_env.clock.advance(days=2)
    assert webhook_env.client.gateway.webhooks.sweep() == 0
    webhook_env.cancelled(nobody.url)
    webhook_env.send()
    webhook_env.clock.advance(days=2)
    assert webhook_env.client.gateway.webhooks.sweep() == 1
    assert webhook_env.only()["status"] == "pending"


def test_a_resent_message_has_the_same_id_and_the_whole_schedule_again(
    open_webhook_env: OpenWebhookEnv, receiver: OpenReceiver
) -> None:
    there: WebhookReceiver = receiver(respond_with(410), respond_with(500), respond_with(200))
    webhook_env = open_webhook_env(there)
    webhook_env.cancelled(there.url)
    webhook_env.send()
    delivery = webhook_env.only()["id"]
    answer = webhook_env.client.post(f"{LOG}/{delivery}/resend")
    assert answer.status_code == 202
    assert answer.json()["data"]["status"] == "pending"
    assert webhook_env.send() == 1
    webhook_env.clock.advance(seconds=7)
    assert webhook_env.send() == 1
    assert {came.headers["webhook-id"] for came in there.received} == {delivery}
    assert [one["status"] for one in webhook_env.only()["attempts"]] == [410, 500, 200]
    assert webhook_env.only()["attempt_count"] == 3
