"""SQL of jobs. Each status update is conditional on the previous status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Update, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session, defer

from voxport.db.session import update_one
from voxport.jobs.models import Job, JobEvent

OPEN = ("queued", "processing")


def owned(tx: Session, profile_id: str, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.profile_id == profile_id, Job.id == job_id))


def by_id(tx: Session, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.id == job_id).execution_options(populate_existing=True))


def change(tx: Session, job_id: str, *, expected: Sequence[str], **values: Any) -> bool:
    """Set columns if the job's status is one of `expected`; False if it is not. Jobs that `tx` has loaded before do not
    change."""
    return update_one(tx, _change(job_id, expected, values))


def changed(tx: Session, job_id: str, *, expected: Sequence[str], **values: Any) -> Job | None:
    """Like `change`, but return the job as it is afterwards; None if its status is not one of `expected`."""
    statement = _change(job_id, expected, values).returning(Job).execution_options(populate_existing=True)
    return tx.scalars(statement).one_or_none()


def enter(tx: Session, job_id: str, stage: str, progress: float) -> bool:
    """Move a job to another stage; False if it is in that stage already, or is not being processed."""
    statement = _change(job_id, ("processing",), {"stage": stage, "progress": progress})
    return update_one(tx, statement.where(Job.stage != stage))


def _change(job_id: str, expected: Sequence[str], values: dict[str, Any]) -> Update:
    statement = update(Job).where(Job.id == job_id, Job.status.in_(expected)).values(**values)
    return statement.execution_options(synchronize_session=False)


def page(
    tx: Session, profile_id: str, *, status: str | None, service: str | None, before: int | None, limit: int
) -> Sequence[Job]:
    # `request` is deferred: it can have a hundred thousand characters per row.
    query = select(Job).options(defer(Job.request, raiseload=True)).where(Job.profile_id == profile_id)
    if status is not None:
        query = query.where(Job.status == status)
    if service is not None:
        query = query.where(Job.service == service)
    if before is not None:
        query = query.where(Job.sequence < before)
    return tx.scalars(query.order_by(Job.sequence.desc()).limit(limit)).all()


def count_open(tx: Session, profile_id: str, max_count: int) -> int:
    """Count the profile's unfinished jobs, up to `max_count`."""
    query = select(Job.sequence).where(Job.profile_id == profile_id, Job.status.in_(OPEN)).limit(max_count)
    return tx.scalar(select(func.count()).select_from(query.subquery())) or 0


def open_before(tx: Session, moment: datetime) -> Sequence[Job]:
    """Return the unfinished jobs that were created before `moment`."""
    return tx.scalars(select(Job).where(Job.status.in_(OPEN), Job.created_at < moment)).all()


def open_of(tx: Session, profile_id: str) -> Sequence[Job]:
    return tx.scalars(select(Job).where(Job.profile_id == profile_id, Job.status.in_(OPEN))).all()


def ids_of(tx: Session, profile_id: str) -> Sequence[str]:
    return tx.scalars(select(Job.id).where(Job.profile_id == profile_id).order_by(Job.sequence)).all()


def processing_since(tx: Session, service: str, moment: datetime) -> Sequence[Job]:
    """Return the jobs of a service that are processing and started before `moment`."""
    query = select(Job).where(Job.status == "processing", Job.service == service, Job.started_at < moment)
    return tx.scalars(query).all()


def states(tx: Session, job_ids: Collection[str]) -> dict[str, tuple[str, str, float]]:
    """Return status, stage and progress of jobs, by id."""
    rows = tx.execute(select(Job.id, Job.status, Job.stage, Job.progress).where(Job.id.in_(job_ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def add_event(tx: Session, job_id: str, *, status: str, stage: str, progress: float, moment: datetime) -> None:
    event = {"job_id": job_id, "status": status, "stage": stage, "progress": progress, "created_at": moment}
    tx.connection().execute(insert(JobEvent), event)


def events(tx: Session, job_id: str) -> Sequence[JobEvent]:
    """Return a job's events, oldest first."""
    return tx.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.sequence)).all()


def sweep_events(tx: Session, before: datetime) -> int:
    """Delete the events of jobs that ended before `before`; returns their number."""
    # Asked for each old event, of which there are few, and not for all jobs that ever ended.
    has_ended = exists().where(Job.id == JobEvent.job_id, Job.finished_at < before)
    old = delete(JobEvent).where(JobEvent.created_at < before, has_ended)
    return cast(CursorResult[Any], tx.execute(old)).rowcount
