"""What the customers' servers are to be told: written with what happened, taken by a sender, and kept as a log."""

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

_GONE: Final = 410
_JITTER: Final = 0.2  # of a pause, added at random, so that what failed together is not sent again together
_MAX_RETRY_AFTER: Final = timedelta(days=1)
_LEASE: Final = timedelta(seconds=60)
"""Beside the receiver's time: for the look-up of a name, and for the books."""


@dataclass(frozen=True)
class DeliveryOutcome:
    """How a try went: the receiver's `status`, or an `error` for the log; `retry_after` is what the receiver asked
    for."""

    status: int | None
    error: str | None
    duration: timedelta
    retry_after: timedelta | None = None


class Webhooks:
    """`retry_delays`: seconds before each further try. `retention`: how long the log of what has ended is kept."""

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

    # What happened

    def require_usable(self, url: str) -> None:
        """Raises WebhookUrlUnusable for what can be known without the network."""
        try:
            validate_url(url, self._policy)
        except PrivateHostError as error:
            raise WebhookUrlUnusable(error.host) from None
        except RefusedError:
            raise WebhookUrlUnusable from None

    def on_job_ended(self, tx: Session, job: Job) -> None:
        """A job came to its end: its owner is told, where there is a URL."""
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
        """Write a message down, in the transaction of what it tells: the job of this id as it is then, or `data`."""
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
        notify(tx)

    # The log

    def list(
        self, profile_id: str | None, *, state: str | None, job_id: str | None = None, limit: int, cursor: str | None
    ) -> Page[WebhookDelivery]:
        """The profile's, newest first; with None all profiles', for the operator."""
        before = decode_cursor(cursor)
        with self._database.snapshot() as tx:
            rows = repository.page(
                tx, profile_id=profile_id, state=state, job_id=job_id, before=before, limit=limit + 1
            )
        return build_page(list(rows), limit, lambda row: row.sequence)

    def get(self, profile_id: str, delivery_id: str) -> tuple[WebhookDelivery, Sequence[WebhookAttempt]]:
        """A delivery and its attempts, the oldest first. Raises NotFound."""
        with self._database.snapshot() as tx:
            return self._require(tx, profile_id, delivery_id), repository.attempts(tx, delivery_id)

    def resend(self, profile_id: str, delivery_id: str) -> None:
        """Send it now, and, where that fails, on the whole schedule again; under the same id. Raises NotFound, Conflict
        where it is being sent at this moment."""
        with self._database.transaction() as tx:
            row = self._require(tx, profile_id, delivery_id)
            values = {"state": "pending", "tries": 0, "next_at": self._clock(), "ended_at": None}
            if row.state == "sending" or not repository.change(tx, row, **values):
                raise Conflict(
                    "The webhook is being sent right now. Look at it in a minute.", code="delivery_in_flight"
                )
            notify(tx)

    def owner(self, delivery_id: str) -> str:
        """Whose it is, for the operator. Raises NotFound."""
        with self._database.snapshot() as tx:
            row = repository.by_id(tx, delivery_id)
        if row is None:
            raise _not_found()
        return row.profile_id

    # Sending

    def claim(self, excluded_profiles: Collection[str] = ()) -> WebhookDelivery | None:
        """Take the next message that is due, of none of these profiles; nobody else takes it until its sender must
        have died. None where there is none."""
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
        """Seconds until a message is due, at most 0 where one is due now; None where nothing is to be sent."""
        with self._database.snapshot() as tx:
            moment = repository.next_due_at(tx)
        return None if moment is None else (moment - self._clock()).total_seconds()

    def record(self, delivery: WebhookDelivery, outcome: DeliveryOutcome) -> None:
        """Write down how the try went, and what comes of it."""
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
            # Where it took longer than its lease, another sender has it, and what comes of it is that one's.
            if repository.change(tx, delivery, **values):
                tx.add(attempt)

    def sweep(self) -> int:
        """Remove what ended long ago; how many there were."""
        with self._database.transaction() as tx:
            return repository.sweep(tx, self._clock() - self._retention)

    def erase(self, profile_id: str) -> Sequence[str]:
        """Remove a profile's webhooks, its secrets and its alert; nothing is left over. One that is being sent arrives
        once more, and its log is gone."""
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
