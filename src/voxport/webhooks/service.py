"""Webhook messages: stored in the transaction of their event, claimed by a sender, and kept as a log."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from voxport.clock import now
from voxport.db.session import Database
from voxport.db.wakeups import notify
from voxport.errors import Conflict, NotFound, WebhookUrlUnusable
from voxport.fetch.policy import FetchPolicy, PrivateHostError, RefusedError, validate_url
from voxport.ids import new_id
from voxport.jobs.models import Job
from voxport.paging import Page, build_page, decode_cursor
from voxport.webhooks import repository
from voxport.webhooks.models import WebhookAttempt, WebhookDelivery

WAKEUP_TOPIC: Final = "webhooks"
_GONE: Final = 410
_JITTER: Final = 0.2  # fraction of a pause, added at random at most, to spread webhooks that failed together
_MAX_RETRY_AFTER: Final = timedelta(days=1)
_LEASE: Final = timedelta(seconds=60)
"""Added to the receiver's timeout, for DNS lookups and database writes."""


@dataclass(frozen=True)
class DeliveryOutcome:
    """The outcome of an attempt: the receiver's `status`, or an `error` for the log; `retry_after` is from the
    receiver's response."""

    status: int | None
    error: str | None
    duration: timedelta
    retry_after: timedelta | None = None


class Webhooks:
    """Stores webhook messages and their outcomes. `retry_delays` are the seconds before each retry; `retention` is how
    long ended deliveries are kept."""

    def __init__(
        self,
        database: Database,
        policy: FetchPolicy,
        *,
        retry_delays: Sequence[float],
        retention: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._policy = policy
        self._retry_delays = retry_delays
        self._retention = retention
        self._clock = clock

    # Events

    def require_usable(self, url: str) -> None:
        """Validate a URL without using the network. Raises WebhookUrlUnusable."""
        try:
            validate_url(url, self._policy)
        except PrivateHostError as error:
            raise WebhookUrlUnusable(error.host) from None
        except RefusedError:
            raise WebhookUrlUnusable from None

    def on_job_ended(self, tx: Session, job: Job) -> None:
        """Enqueue the webhook of a job that has ended, if it has a URL."""
        if job.webhook_url is not None:
            self.enqueue(tx, job.profile_id, f"job.{job.status}", job.webhook_url, job_id=job.id)

    def enqueue(
        self,
        tx: Session,
        profile_id: str,
        kind: str,
        url: str,
        *,
        job_id: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Store a message in the transaction of its event. Its payload is the job at the time of sending, or `data`."""
        moment = self._clock()
        delivery = WebhookDelivery(
            id=new_id("msg"),
            profile_id=profile_id,
            type=kind,
            job_id=job_id,
            data=data,
            url=url,
            state="pending",
            tries=0,
            attempt_count=0,
            next_at=moment,
            created_at=moment,
            ended_at=None,
        )
        tx.add(delivery)
        tx.flush()
        notify(tx, WAKEUP_TOPIC)

    # The log

    def list(
        self, profile_id: str | None, *, state: str | None, job_id: str | None = None, limit: int, cursor: str | None
    ) -> Page[WebhookDelivery]:
        """Return a page of a profile's deliveries, newest first; of all profiles (None) for the operator."""
        before = decode_cursor(cursor)
        with self._database.snapshot() as tx:
            rows = repository.page(
                tx, profile_id=profile_id, state=state, job_id=job_id, before=before, limit=limit + 1
            )
        return build_page(list(rows), limit, lambda row: row.sequence)

    def get(self, profile_id: str, delivery_id: str) -> tuple[WebhookDelivery, Sequence[WebhookAttempt]]:
        """Return a delivery and its attempts, oldest first. Raises NotFound."""
        with self._database.snapshot() as tx:
            return self._require(tx, profile_id, delivery_id), repository.attempts(tx, delivery_id)

    def resend(self, profile_id: str, delivery_id: str) -> None:
        """Send a delivery again now, under the same id; the whole retry schedule starts over. Raises NotFound, or
        Conflict if it is being sent at the moment."""
        with self._database.transaction() as tx:
            row = self._require(tx, profile_id, delivery_id)
            values = {"state": "pending", "tries": 0, "next_at": self._clock(), "ended_at": None}
            if row.state == "sending" or not repository.change(tx, row, **values):
                raise Conflict(
                    "The webhook is being sent right now. Look at it in a minute.", code="delivery_in_flight"
                )
            notify(tx, WAKEUP_TOPIC)

    def owner(self, delivery_id: str) -> str:
        """Return the profile that a delivery belongs to, for the operator. Raises NotFound."""
        with self._database.snapshot() as tx:
            row = repository.by_id(tx, delivery_id)
        if row is None:
            raise _not_found()
        return row.profile_id

    # Sending

    def claim(self, excluded_profiles: Collection[str] = ()) -> WebhookDelivery | None:
        """Claim the next due message, skipping the excluded profiles; None if there is none. No other sender claims it
        until this one is presumed dead."""
        with self._database.snapshot() as tx:
            row = repository.next_due_delivery(tx, self._clock(), excluded_profiles)
        if row is None:
            return None
        until = self._clock() + timedelta(seconds=self._policy.timeout_seconds) + _LEASE
        with self._database.transaction() as tx:
            if not repository.change(tx, row, state="sending", next_at=until):
                return None
        row.state, row.next_at = "sending", until
        return row

    def seconds_to_next(self) -> float | None:
        """Return the seconds until the next message is due, 0 or less if it is due now; None if there is none."""
        with self._database.snapshot() as tx:
            moment = repository.next_due_at(tx)
        return None if moment is None else (moment - self._clock()).total_seconds()

    def record(self, delivery: WebhookDelivery, outcome: DeliveryOutcome) -> None:
        """Record the outcome of an attempt, and the delivery's next state."""
        moment, tries = self._clock(), delivery.tries + 1
        values: dict[str, Any] = {"tries": tries, "attempt_count": delivery.attempt_count + 1}
        if outcome.status is not None and 200 <= outcome.status < 300:
            values |= {"state": "delivered", "ended_at": moment}
        elif outcome.status == _GONE or tries > len(self._retry_delays):
            values |= {"state": "failed", "ended_at": moment}
        else:
            values |= {"state": "pending", "next_at": moment + self._pause(tries, outcome.retry_after)}
        attempt = WebhookAttempt(
            delivery_id=delivery.id,
            at=moment,
            status=outcome.status,
            error=outcome.error,
            ms=round(outcome.duration / timedelta(milliseconds=1)),
        )
        with self._database.transaction() as tx:
            # If the attempt outlasted its lease, another sender has claimed the delivery and records its outcome.
            if repository.change(tx, delivery, **values):
                tx.add(attempt)

    def sweep(self) -> int:
        """Delete deliveries that ended longer ago than the retention; returns how many."""
        with self._database.transaction() as tx:
            return repository.sweep(tx, self._clock() - self._retention)

    def erase(self, profile_id: str) -> Sequence[str]:
        """Delete a profile's webhooks, secrets and alert; returns no leftovers. A webhook that is being sent still
        arrives, but is not logged."""
        with self._database.transaction() as tx:
            repository.erase(tx, profile_id)
        return []

    def _pause(self, tries: int, retry_after: timedelta | None) -> timedelta:
        seconds = self._retry_delays[tries - 1] * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311  # spreads the tries
        return max(timedelta(seconds=seconds), min(retry_after or timedelta(), _MAX_RETRY_AFTER))

    def _require(self, tx: Session, profile_id: str, delivery_id: str) -> WebhookDelivery:
        row = repository.owned(tx, profile_id, delivery_id)
        if row is None:
            raise _not_found()
        return row


def _not_found() -> NotFound:
    return NotFound("There is no such delivery. GET /v2/webhooks/deliveries lists yours.", code="delivery_not_found")
