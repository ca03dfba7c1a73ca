"""Sends webhooks to receivers that fail five times and accept the sixth attempt:

    python benchmarks/reliability/webhooks.py [--jobs 24]

The gateway is the real command with its engine. Each job (completed, cancelled or failed) has its own receiver on
loopback. It refuses the connection at first; then it breaks it off, answers 500, 302 or 429 (with Retry-After), or
doesn't answer, in an order of its own; at the sixth attempt it answers 204. Exits with 1 unless each receiver got six
attempts with one id, accepted one, and the official library finds every signature valid.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from standardwebhooks import WebhookVerificationError

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.support import describe_machine
from voxport.testing.receiver import (
    Answer,
    ReceivedRequest,
    WebhookReceiver,
    reset_connection,
    respond_with,
    stay_silent,
)
from voxport.testing.running_gateway import running_gateway

TITLE = "Webhooks to receivers that fail five times"
_TIMEOUT = 3.0  # seconds that the gateway waits for a receiver
_PAUSES = "3.0,0.3,0.5,0.8,1.0,1.5"  # seconds; the first is long enough to see that the first attempt was refused
_RETRY_AFTER = 2  # seconds
_SECONDS = 240.0
_FAILURES: dict[str, Answer] = {
    "500": respond_with(500),
    "302": respond_with(302, "Location: /elsewhere"),
    "429": respond_with(429, f"Retry-After: {_RETRY_AFTER}"),
    "reset": reset_connection,
    "time-out": stay_silent(2 * _TIMEOUT),
}
_JOB_ENDS = ("completed", "cancelled", "failed")


@dataclass(frozen=True)
class WebhookOutcome:
    """What one receiver got. `tries` is the number of attempts in the gateway's log; `seconds` count from the end of
    the job."""

    end: str
    failures: tuple[str, ...]
    tries: int
    accepted: int
    ids: int
    valid: int
    requests: int
    is_as_the_job: bool
    waited_as_asked: bool
    seconds: float

    @property
    def is_right(self) -> bool:
        # The operating system refused the first attempt (and the next, if the receiver started late), so the receiver
        # saw the other five.
        seen = self.tries >= 6 and self.requests == 5 and self.accepted == 1 and self.ids == 1
        return seen and self.valid == self.requests and self.is_as_the_job and self.waited_as_asked


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=24)
    arguments = parser.parse_args()
    print(describe_machine())
    report = run(arguments.jobs, log=print)
    print("\n".join(report.summary))
    reports.write("webhook", report)
    return 0 if report.passed else 1


def run(jobs: int, log: Callable[[str], None], pauses: str = _PAUSES) -> reports.Report:
    """Run `jobs` jobs at once, each with its own receiver. `pauses` are the seconds before each new attempt."""
    plans = list(_plans(jobs))
    with ExitStack() as stack:
        receivers = [
            stack.enter_context(
                WebhookReceiver(*(_FAILURES[name] for name in plan), respond_with(204, body=b""), listening=False)
            )
            for plan in plans
        ]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxport-webhooks-")))
        live = stack.enter_context(
            running_gateway(
                folder,
                VOXPORT_PRIVATE_HOSTS=",".join(one.host for one in receivers),
                VOXPORT_WEBHOOK_TIMEOUT=str(_TIMEOUT),
                VOXPORT_WEBHOOK_RETRY_SECONDS=pauses,
                VOXPORT_WEBHOOK_CONCURRENCY="32",
            )
        )
        client = stack.enter_context(Client(live.url, live.key))
        secret = client.call("GET", "/v2/webhooks/secret")["data"]["secret"]
        ends = list(itertools.islice(itertools.cycle(_JOB_ENDS), jobs))
        ids = [_job(client, receiver, end) for receiver, end in zip(receivers, ends, strict=True)]
        with ThreadPoolExecutor(max(1, jobs)) as threads:
            outcomes = list(
                threads.map(lambda case: _follow(client, secret, *case), zip(ids, receivers, ends, plans, strict=True))
            )
    for outcome in outcomes:
        log(f"{'right' if outcome.is_right else 'WRONG'}: {outcome}")
    return _report(jobs, outcomes)


def _plans(count: int) -> list[tuple[str, ...]]:
    """Yield four failures for each receiver, in a different order each; the fifth is the refused connection."""
    chance = random.Random(5)
    return [tuple(chance.sample(list(_FAILURES), 4)) for _ in range(count)]


def _job(client: Client, receiver: WebhookReceiver, end: str) -> str:
    """Start a job that ends as `end` says. Returns its id."""
    if end == "completed":
        body = {"text": "The ferry leaves at seven.", "voice_id": "af_heart", "webhook_url": receiver.url}
        answer = client.http.post("/v1/proxy/core-tts", json=body, headers={"Prefer": "respond-async"})
        return str(answer.raise_for_status().json()["job"]["id"])
    # Nothing listens at this address yet: the download fails after its retries, unless the job is cancelled first.
    job_id = client.clone("http://" + receiver.host, webhook_url=receiver.url)
    if end == "cancelled":
        client.call("POST", f"/v2/jobs/{job_id}/cancel")
    return job_id


def _follow(
    client: Client, secret: str, job_id: str, receiver: WebhookReceiver, end: str, plan: tuple[str, ...]
) -> WebhookOutcome:
    """Wait for the refused attempt, then listen, and evaluate the received requests."""
    delivery = _until(lambda: _delivery(client, job_id, lambda row: row["attempt_count"] >= 1))
    receiver.listen()
    delivery = _until(lambda: _delivery(client, job_id, lambda row: row["status"] in ("delivered", "failed")))
    detail = client.call("GET", f"/v2/webhooks/deliveries/{delivery['id']}")["data"]
    time.sleep(2.0)  # long enough for a seventh attempt to arrive
    requests, job = list(receiver.received), client.call("GET", f"/v2/jobs/{job_id}")
    payloads = [_verified(one, secret) for one in requests]
    last = payloads[-1] or {} if payloads else {}
    return WebhookOutcome(
        end=end,
        failures=("refused", *plan),
        tries=len(detail["attempts"]),
        accepted=sum(one["status"] == 204 for one in detail["attempts"]),
        ids=len({one.headers["webhook-id"] for one in requests} | {delivery["id"]}),
        valid=sum(one is not None for one in payloads),
        requests=len(requests),
        is_as_the_job=last.get("type") == f"job.{end}" and _without_url(last.get("data")) == _without_url(job),
        waited_as_asked=_waited_as_asked(plan, requests),
        seconds=round(_seconds(detail["attempts"][-1]["at"]) - _seconds(delivery["created_at"]), 1),
    )


def _verified(one: ReceivedRequest, secret: str) -> dict[str, object] | None:
    try:
        return one.verify(secret)
    except WebhookVerificationError:
        return None


def _waited_as_asked(plan: tuple[str, ...], requests: list[ReceivedRequest]) -> bool:
    """Whether the request after a 429 came no sooner than its Retry-After."""
    if "429" not in plan:
        return True
    position = plan.index("429")
    return len(requests) > position + 1 and requests[position + 1].at - requests[position].at >= _RETRY_AFTER


def _without_url(job: Any) -> Any:
    """Return the job without the signed URL of its file, which differs each time."""
    result = job.get("result_data") if isinstance(job, dict) else None
    return {**job, "result_data": {**result, "url": ""}} if result else job


def _delivery(client: Client, job_id: str, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    rows = client.call("GET", f"/v2/webhooks/deliveries?job_id={job_id}")["data"]
    return rows[0] if len(rows) == 1 and is_wanted(rows[0]) else None


def _until(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(0.3)
    raise TimeoutError("a webhook did not come to its end")


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _report(jobs: int, outcomes: list[WebhookOutcome]) -> reports.Report:
    failures = Counter(name for one in outcomes for name in one.failures)
    counted = [(name, failures[name]) for name in ("refused", *_FAILURES)]
    took = sorted(one.seconds for one in outcomes)
    return reports.Report(
        title=TITLE,
        command=f"python benchmarks/reliability/webhooks.py --jobs {jobs}",
        passed=all(one.is_right for one in outcomes),
        summary=[
            f"{sum(one.is_right for one in outcomes)} of {jobs} receivers that failed five times took the sixth try, "
            "and got no seventh.",
            f"Signatures that the official library found valid: {sum(one.valid for one in outcomes)} of "
            f"{sum(one.requests for one in outcomes)} requests; tries of one message with another id: "
            f"{sum(one.ids - 1 for one in outcomes)}.",
            f"Taken {took[0]:g} to {took[-1]:g} s after the end of the job, with pauses of {_PAUSES} s between the "
            f"tries in place of 5 s to 24 h, and {_RETRY_AFTER} s where a 429 asked for them.",
        ],
        columns=["the try", "how many"],
        rows=[*counted, ("204", sum(one.accepted for one in outcomes))],
    )


if __name__ == "__main__":
    sys.exit(main())
