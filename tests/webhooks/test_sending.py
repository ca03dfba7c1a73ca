"""What a receiver gets, and what the gateway does when it does not take it."""

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

from tests.support.client import Client
from tests.support.jobs import work
from tests.webhooks.conftest import CLONE, LOG, Hooked, MakeReceiver
from voxport.errors import SampleUnusable
from voxport.fetch.client import FetchPolicy
from voxport.testing.receiver import Answer, Receiver, resets, says, says_nothing
from voxport.webhooks.sender import asked_wait

MakeHooked = Callable[..., Hooked]
UNREACHABLE = "The webhook_url could not be reached."


def test_the_end_of_a_job_is_told_with_the_very_json_of_the_job(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver()
    home = hooked(there)
    job_id = home.cancelled(there.url)
    assert home.send() == 1
    (came,) = there.received
    assert came.line == "POST /hook HTTP/1.1"
    assert came.headers["content-type"] == "application/json"
    told = came.verified(home.secret())
    assert set(told) == {"type", "timestamp", "data"}
    assert told["type"] == "job.cancelled"
    job = home.client.get(f"/v2/jobs/{job_id}").json()
    assert told["data"] == job
    assert abs(datetime.fromisoformat(str(told["timestamp"])) - datetime.now(UTC)) < timedelta(minutes=1)
    shown = home.only()
    assert (shown["status"], shown["attempt_count"], shown["job_id"]) == ("delivered", 1, job_id)
    assert shown["id"] == came.headers["webhook-id"]
    assert home.send() == 0


def test_a_completed_and_a_failed_job_are_told_by_their_types(singer: Client) -> None:
    gateway = singer.gateway
    body = {"text": "Hello.", "voice_id": "hum", "webhook_url": "https://example.com/hook"}
    later = {"Prefer": "respond-async"}
    done, failed = (
        singer.post("/v1/proxy/core-tts", body, headers=later).json()["job"]["id"] for _ in ("done", "failed")
    )
    work(singer, done)
    gateway.jobs.begin(failed)
    gateway.jobs.fail(gateway.jobs.get(singer.profile_id, failed), SampleUnusable("Too short."))
    rows = {row["job_id"]: row["type"] for row in singer.get(LOG).json()["data"]}
    assert rows == {done: "job.completed", failed: "job.failed"}
    for job_id in (done, failed):
        claimed = gateway.webhooks.claim()
        assert claimed is not None
        told = gateway.sender._body(claimed)["data"]
        job = singer.get(f"/v2/jobs/{job_id}").json()
        if job_id == done:  # signed anew each time
            assert singer.http.get(told["result_data"].pop("url")).status_code == 200
            job["result_data"].pop("url")
        assert told == job


def test_a_job_without_a_url_is_told_to_nobody(hooked: MakeHooked) -> None:
    home = hooked()
    job_id = home.client.post(CLONE, {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}).json()
    home.client.post(f"/v2/jobs/{job_id['job']['id']}/cancel")
    assert home.client.get(LOG).json()["data"] == []


def test_a_body_that_was_changed_on_the_way_is_found_out(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver()
    home = hooked(there)
    home.cancelled(there.url)
    home.send()
    (came,) = there.received
    forged = type(came)(came.line, came.headers, came.body.replace(b"cancelled", b"completed"), came.at)
    with pytest.raises(WebhookVerificationError):
        forged.verified(home.secret())


def test_the_message_is_written_with_the_end_of_the_job_or_not_at_all(
    hooked: MakeHooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = hooked()
    answer = home.client.post(CLONE, {"audioUrl": "https://m.example.com/a", "webhook_url": "https://example.com/h"})
    job_id, gateway = answer.json()["job"]["id"], home.client.gateway

    def lost(tx: Session, hold_id: str) -> bool:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(gateway.billing, "release", lost)
    assert home.client.post(f"/v2/jobs/{job_id}/cancel").status_code == 500
    assert home.client.get(LOG).json()["data"] == []
    assert home.client.get(f"/v2/jobs/{job_id}").json()["status"] == "queued"


BAD: dict[str, Answer] = {
    "500": says(500),
    "404": says(404),
    "302": says(302, "Location: http://127.0.0.1:1/elsewhere"),
    "307": says(307, "Location: /again"),
    "nothing": says_nothing(3),
    "a reset": resets,
    "no HTTP": lambda connection: connection.sendall(b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("how", list(BAD))
def test_whatever_is_no_success_is_tried_again_later_under_the_same_id(
    hooked: MakeHooked, receiver: MakeReceiver, how: str
) -> None:
    there = receiver(BAD[how], says(204, body=b""))
    home = hooked(there, webhook_timeout=0.3 if how == "nothing" else 20.0)
    home.cancelled(there.url)
    assert home.send() == 1
    shown = home.only()
    assert shown["status"] == "pending"
    status = int(how) if how.isdigit() else None
    assert [(one["status"], one["error"]) for one in shown["attempts"]] == [(status, None if status else UNREACHABLE)]
    assert home.send() == 0, "it is not due yet"
    home.clock.turn(seconds=7)
    assert home.send() == 1
    first, second = there.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == shown["id"]
    assert json.loads(first.body) == json.loads(second.body)
    assert [one["status"] for one in home.only()["attempts"]] == [status, 204]
    assert home.only()["status"] == "delivered"


def test_a_receiver_that_is_not_there_is_tried_on_the_schedule_and_then_given_up(
    hooked: MakeHooked, receiver: MakeReceiver
) -> None:
    there = receiver(listening=False)
    home = hooked(there)
    home.cancelled(there.url)
    begun = home.clock.now()
    moments = []
    while home.only()["status"] == "pending":
        due = datetime.fromisoformat(home.only()["next_attempt_at"]).timestamp()
        home.clock.turn(seconds=max(0.0, due - home.clock.now() + 0.01))
        moments.append(home.clock.now() - begun)
        assert home.send() == 1
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    schedule = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert len(pauses) == len(schedule)
    for pause, planned in zip(pauses, schedule, strict=True):
        assert planned <= pause <= planned * 1.2 + 2
    assert len({round(pause / planned, 3) for pause, planned in zip(pauses, schedule, strict=True)}) > 3, "no jitter"
    shown = home.only()
    assert (shown["status"], shown["attempt_count"], shown["next_attempt_at"]) == ("failed", 10, None)
    assert home.send() == 0


def test_retry_after_is_honoured(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver(says(429, "Retry-After: 100"), says(200))
    home = hooked(there)
    home.cancelled(there.url)
    home.send()
    home.clock.turn(seconds=95)
    assert home.send() == 0
    home.clock.turn(seconds=6)
    assert home.send() == 1
    assert home.only()["status"] == "delivered"


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert asked_wait("120") == timedelta(seconds=120)
    later = asked_wait(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later is not None
    assert timedelta(seconds=55) < later <= timedelta(seconds=60)
    assert asked_wait(format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)) == timedelta()
    assert [asked_wait(text) for text in (None, "", "soon", "-5", "9" * 30)] == [None] * 5
    assert asked_wait("Mon, 01 Jan 2026 00:00:00 +99999999999999999") is None


def test_a_receiver_that_is_gone_for_good_is_told_no_more(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver(says(410))
    home = hooked(there)
    home.cancelled(there.url)
    home.send()
    assert home.only()["status"] == "failed"
    home.clock.turn(days=2)
    assert home.send() == 0


def test_a_private_address_behind_a_name_is_refused_as_blandly_as_one_that_is_not_there(
    hooked: MakeHooked, receiver: MakeReceiver
) -> None:
    there = receiver()

    def resolve(host: str, port: int) -> list[str]:
        if host == "inside.example.com":
            return ["127.0.0.1"]
        raise OSError("no such name")

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", there.port), seconds)

    home = hooked(fetch_policy=FetchPolicy(max_bytes=0, timeout_seconds=1, resolver=resolve, dialer=dial))
    for host in ("inside.example.com", "nowhere.example.com"):
        home.cancelled(f"http://{host}/hook")
    assert home.send() == 2
    rows = home.client.get(LOG).json()["data"]
    details = [home.client.get(f"{LOG}/{row['id']}").json()["data"] for row in rows]
    assert [[one["error"] for one in detail["attempts"]] for detail in details] == [[UNREACHABLE], [UNREACHABLE]]
    assert there.received == []


def test_the_secret_before_signs_too_for_a_day(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver()
    home = hooked(there)
    old = home.secret()
    data = home.client.post("/v2/webhooks/secret/rotate").json()["data"]
    new = home.secret()
    assert new == data["secret"] != old
    assert [one["secret"] for one in data["previous"]] == [old]
    home.cancelled(there.url)
    home.send()
    assert len(there.received[-1].headers["webhook-signature"].split(" ")) == 2
    assert there.received[-1].verified(old) == there.received[-1].verified(new)
    home.clock.turn(seconds=86_401)
    home.cancelled(there.url)
    home.send()
    there.received[-1].verified(new)
    with pytest.raises(WebhookVerificationError):
        there.received[-1].verified(old)
    assert home.client.get("/v2/webhooks/secret").json()["data"]["previous"] == []
    assert home.client.gateway.signing.sweep() == 1


def test_one_that_a_killed_worker_was_sending_is_sent_again_and_by_nobody_before(
    hooked: MakeHooked, receiver: MakeReceiver
) -> None:
    there = receiver()
    home = hooked(there)
    home.cancelled(there.url)
    killed = home.client.gateway.webhooks.claim()
    assert killed is not None
    assert home.only()["status"] == "sending"
    assert home.send() == 0, "another worker sends it at the same time"
    home.clock.turn(seconds=82)
    assert home.send() == 1
    assert there.received[0].headers["webhook-id"] == killed.id
    assert home.only()["status"] == "delivered"


def test_a_worker_that_comes_back_after_its_lease_changes_nothing(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver(says(200), says(500))
    home = hooked(there)
    home.cancelled(there.url)
    slow = home.client.gateway.webhooks.claim()
    assert slow is not None
    home.clock.turn(seconds=82)
    assert home.send() == 1
    home.client.gateway.sender.send(slow)
    assert home.only()["status"] == "delivered"


def test_many_workers_at_once_send_each_message_once(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there = receiver()
    home = hooked(there)
    for _ in range(12):
        home.cancelled(there.url)
    workers = [threading.Thread(target=home.send) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    home.send()  # one whose claim was lost to another looks again in its next round
    ids = [came.headers["webhook-id"] for came in there.received]
    assert len(ids) == len(set(ids)) == 12


def test_a_slow_receiver_holds_up_nobody_elses_webhooks(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    slow, quick = receiver(says_nothing(100)), receiver()
    home = hooked(slow, quick, webhook_timeout=60.0, webhook_concurrency=4)
    other = Hooked(home.client.another(), home.clock)
    for _ in range(8):
        home.cancelled(slow.url)
    other.cancelled(quick.url)
    sender = home.client.gateway.sender
    sender.start()
    quick.wait(1, 30)  # half of what the slow one is waited for
    assert len(slow.received) == 1, "a quarter of four"
    sender.stop(0.1)


def test_a_sender_that_stops_begins_no_more_and_waits_for_what_is_under_way(
    hooked: MakeHooked, receiver: MakeReceiver
) -> None:
    answers = threading.Event()

    def late(connection: socket.socket) -> None:
        answers.wait(60)
        says(200)(connection)

    there = receiver(late)
    home = hooked(there, webhook_timeout=60.0)
    home.cancelled(there.url)
    sender = home.client.gateway.sender
    sender.start()
    there.wait(1, 60)
    stop = threading.Thread(target=sender.stop, args=(60,))
    stop.start()
    stop.join(0.2)
    assert stop.is_alive()
    answers.set()
    stop.join(60)
    assert home.only()["status"] == "delivered"
    home.cancelled(there.url)
    assert not sender._thread.is_alive()
    assert len(there.received) == 1


def test_old_rows_are_swept_with_their_attempts_and_open_ones_stay(hooked: MakeHooked, receiver: MakeReceiver) -> None:
    there, nobody = receiver(), receiver(listening=False)
    home = hooked(there, nobody, webhook_keep_days=3)
    home.cancelled(there.url)
    home.send()
    home.clock.turn(days=2)
    assert home.client.gateway.webhooks.sweep() == 0
    home.cancelled(nobody.url)
    home.send()
    home.clock.turn(days=2)
    assert home.client.gateway.webhooks.sweep() == 1
    assert home.only()["status"] == "pending"


def test_a_resent_message_has_the_same_id_and_the_whole_schedule_again(
    hooked: MakeHooked, receiver: MakeReceiver
) -> None:
    there: Receiver = receiver(says(410), says(500), says(200))
    home = hooked(there)
    home.cancelled(there.url)
    home.send()
    delivery = home.only()["id"]
    answer = home.client.post(f"{LOG}/{delivery}/resend")
    assert answer.status_code == 202
    assert answer.json()["data"]["status"] == "pending"
    assert home.send() == 1
    home.clock.turn(seconds=7)
    assert home.send() == 1
    assert {came.headers["webhook-id"] for came in there.received} == {delivery}
    assert [one["status"] for one in home.only()["attempts"]] == [410, 500, 200]
    assert home.only()["attempt_count"] == 3
