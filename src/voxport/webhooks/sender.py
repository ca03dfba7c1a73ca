"""Sends due webhooks, each in its own thread, so that a slow receiver delays only its own webhooks."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from voxport.clock import iso, now
from voxport.fetch.client import post
from voxport.fetch.policy import FetchPolicy, RefusedError
from voxport.jobs.schemas import ReadUrls, job_body
from voxport.jobs.service import Jobs
from voxport.telemetry import metrics
from voxport.webhooks.models import WebhookDelivery
from voxport.webhooks.secrets import SigningSecrets
from voxport.webhooks.service import DeliveryOutcome, Webhooks

_POLL_SECONDS: Final = 0.5
# Poll interval when nothing is due soon. A wake-up announces each new message, but it may be lost.
_IDLE_SECONDS: Final = 10.0
_UNREACHABLE: Final = "The webhook_url could not be reached."
"""The same for every reason, so that it reveals nothing about hosts that only the gateway can reach."""
_log = logging.getLogger("voxport.webhooks")


class WebhookSender:
    """Polls for due webhooks and sends them. `read_urls` signs the URL of a job's file. At most `max_concurrency`
    webhooks are sent at once, and a quarter of that per profile."""

    def __init__(
        self,
        webhooks: Webhooks,
        secrets: SigningSecrets,
        jobs: Jobs,
        read_urls: ReadUrls,
        policy: FetchPolicy,
        *,
        max_concurrency: int,
    ) -> None:
        self._webhooks = webhooks
        self._secrets = secrets
        self._jobs = jobs
        self._read_urls = read_urls
        self._policy = policy
        self._max_concurrency = max_concurrency
        self._max_per_profile = max(1, max_concurrency // 4)
        self._sending: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Poll now, because a message may be due. Thread-safe."""
        self._woken.set()

    def stop(self, seconds: float) -> None:
        """Stop sending, and wait at most `seconds` for the webhooks in progress. An interrupted one is sent again
        later."""
        self._stopping.set()
        self._woken.set()
        deadline = time.monotonic() + seconds
        self._thread.join(max(0.0, seconds))
        while self._sending.total() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = _POLL_SECONDS
            try:
                self._begin_due()
                pause = self._seconds_to_next()
            except Exception:
                _log.exception("looking for webhooks that are due failed")
            self._woken.wait(pause)
            self._woken.clear()

    def _seconds_to_next(self) -> float:
        with self._lock:
            if self._sending:
                return _POLL_SECONDS
        seconds = self._webhooks.seconds_to_next()
        return _IDLE_SECONDS if seconds is None else min(max(seconds, _POLL_SECONDS), _IDLE_SECONDS)

    def _begin_due(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                if self._sending.total() >= self._max_concurrency:
                    return
                full = {profile for profile, count in self._sending.items() if count >= self._max_per_profile}
            delivery = self._webhooks.claim(full)
            if delivery is None:
                return
            with self._lock:
                self._sending[delivery.profile_id] += 1
            threading.Thread(target=self._send_and_release, args=(delivery,), name=delivery.id, daemon=True).start()

    def _send_and_release(self, delivery: WebhookDelivery) -> None:
        try:
            self.send(delivery)
        except Exception:
            _log.exception("a webhook's try could not be written down", extra={"delivery": delivery.id})
        finally:
            with self._lock:
                self._sending[delivery.profile_id] -= 1
                self._sending += Counter()  # drops the zeros
            self._woken.set()

    def send(self, delivery: WebhookDelivery) -> None:
        """Make one attempt and record its outcome."""
        began = time.monotonic()
        status: int | None = None
        error: str | None = None
        retry_after: timedelta | None = None
        try:
            body = json.dumps(self._body(delivery), ensure_ascii=False, separators=(",", ":"))
            answer = post(delivery.url, body.encode(), self._headers(delivery, body), self._policy)
            status, retry_after = answer.status, parse_retry_after(answer.retry_after)
        except RefusedError as refusal:
            _log.info("a webhook did not arrive: %s", refusal, extra={"delivery": delivery.id})
            error = _UNREACHABLE
        except Exception:
            _log.exception("a webhook could not be sent", extra={"delivery": delivery.id})
            error = "The gateway could not send it."
        duration = timedelta(seconds=time.monotonic() - began)
        metrics.on_webhook_attempt(status, duration.total_seconds())
        self._webhooks.record(delivery, DeliveryOutcome(status, error, duration, retry_after))

    def _body(self, delivery: WebhookDelivery) -> dict[str, Any]:
        """Build the payload. A job is shown as GET /v2/jobs/{id} shows it now; as it has ended, only the signed URL of
        its file differs between attempts."""
        data = delivery.data
        if delivery.job_id is not None:
            job = self._jobs.find(delivery.job_id)
            if job is None:
                raise LookupError(f"job {delivery.job_id} is not there")
            data = job_body(job, self._read_urls).model_dump(mode="json", exclude_unset=True)
        return {"type": delivery.type, "timestamp": iso(delivery.created_at), "data": data}

    def _headers(self, delivery: WebhookDelivery, body: str) -> dict[str, str]:
        moment = now()
        return {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._secrets.sign(delivery.profile_id, delivery.id, moment, body),
        }


def parse_retry_after(retry_after: str | None) -> timedelta | None:
    """Parse a `Retry-After` header, in seconds or as a date; None if it is missing or invalid."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(timedelta(), moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC))
