"""SQL of the metrics: counts and sums over all profiles, one statement for each table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from voxport.billing.models import Balance, Hold
from voxport.jobs.models import Job
from voxport.sweeps.models import SweepFailure
from voxport.webhooks.models import WebhookDelivery

OPEN: Final = ("queued", "processing")


@dataclass(frozen=True)
class OpenJobs:
    """The jobs of a service in a status, and when the oldest of them was created."""

    service: str
    status: str
    count: int
    oldest: datetime


@dataclass(frozen=True)
class MetricsSnapshot:
    """State of all profiles. Amounts are in micro-tokens."""

    open_jobs: list[OpenJobs]
    open_holds: int
    open_holds_amount: int
    oldest_hold: datetime | None
    credits: int
    held: int
    sweep_failures: dict[str, int]
    open_webhooks: dict[str, int]
    webhook_due_at: datetime | None
    """When the pending webhook that is due first is, or was, to be sent."""


def read_snapshot(tx: Session) -> MetricsSnapshot:
    """Read what is open. Each statement uses an index and reads open rows only, but for that of the balances, which
    reads a row of each profile."""
    jobs = (
        select(Job.service, Job.status, func.count(), func.min(Job.created_at))
        .where(Job.status.in_(OPEN))
        .group_by(Job.service, Job.status)
    )
    holds = select(func.count(), func.coalesce(func.sum(Hold.amount), 0), func.min(Hold.created_at)).where(
        Hold.state == "open"
    )
    sums = select(func.coalesce(func.sum(Balance.credits), 0), func.coalesce(func.sum(Balance.held), 0))
    failing = select(SweepFailure.task, func.count()).group_by(SweepFailure.task)
    webhooks = (
        select(WebhookDelivery.state, func.count(), func.min(WebhookDelivery.next_at))
        .where(WebhookDelivery.state.in_(("pending", "sending")))
        .group_by(WebhookDelivery.state)
    )
    credits, held = tx.execute(sums).one()
    open_holds, open_holds_amount, oldest_hold = tx.execute(holds).one()
    deliveries = {row[0]: (row[1], row[2]) for row in tx.execute(webhooks)}
    return MetricsSnapshot(
        open_jobs=[OpenJobs(*row) for row in tx.execute(jobs)],
        open_holds=open_holds,
        open_holds_amount=int(open_holds_amount),
        oldest_hold=oldest_hold,
        credits=int(credits),
        held=int(held),
        sweep_failures={row[0]: row[1] for row in tx.execute(failing)},
        open_webhooks={state: count for state, (count, _) in deliveries.items()},
        webhook_due_at=deliveries["pending"][1] if "pending" in deliveries else None,
    )
