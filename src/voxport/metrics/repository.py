"""SQL of the metrics: counts and sums over all profiles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from voxport.billing.models import Balance, Hold
from voxport.jobs.models import Job
from voxport.sweeps.models import SweepFailure


@dataclass(frozen=True)
class MetricsSnapshot:
    """State of all profiles. Amounts are in micro-tokens; `oldest_queued` is when the oldest queued job was created."""

    open_jobs: dict[str, int]
    oldest_queued: datetime | None
    open_holds: int
    credits: int
    held: int
    sweep_failures: dict[str, int]


def read_snapshot(tx: Session) -> MetricsSnapshot:
    by_status = select(Job.status, func.count()).where(Job.status.in_(("queued", "processing"))).group_by(Job.status)
    sums = select(func.coalesce(func.sum(Balance.credits), 0), func.coalesce(func.sum(Balance.held), 0))
    failing = select(SweepFailure.task, func.count()).group_by(SweepFailure.task)
    credits, held = tx.execute(sums).one()
    return MetricsSnapshot(
        open_jobs={row[0]: row[1] for row in tx.execute(by_status)},
        oldest_queued=tx.scalar(select(func.min(Job.created_at)).where(Job.status == "queued")),
        open_holds=tx.scalar(select(func.count()).select_from(Hold).where(Hold.state == "open")) or 0,
        credits=int(credits),
        held=int(held),
        sweep_failures={row[0]: row[1] for row in tx.execute(failing)},
    )
