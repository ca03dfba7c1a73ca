"""SQL of jobs. Each status update is conditional on the previous status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, func, select, update
from sqlalchemy.orm import Session, defer

from voxport.db.session import update_one
from voxport.jobs.models import Job, JobEvent

OPEN = ("queued", "processing")


def owned(tx: Session, profile_id: str, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.profile_id == profile_id, Job.id == job_id))


def by_id(tx: Session, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.id == job_id).execution_options(populate_existing=True))


def change(tx: Session, job_id: str, *, expected: Sequence[str], **values: Any) -> bool:
    """Set columns if the job's status is one of `expected`; False if it is not."""
    return update_one(tx, update(Job).where(Job.id == job_id, Job.status.in_(expected)).values(**values))


def enter(tx: Session, job_id: str, stage: str, progress: float) -> bool:
    """Move a job to another stage; False if it is in that stage already, or is not being processed."""
    other = (Job.id == job_id, Job.status == "processing", Job.stage != stage)
    return update_one(tx, update(Job).where(*other).values(stage=stage, progress=progress))


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


def is_processing(tx: Session, job_id: str) -> bool:
    return tx.scalar(select(Job.status).where(Job.id == job_id)) == "processing"


def processing_since(tx: Session, service: str, moment: datetime) -> Sequence[Job]:
    """Return the jobs of a service that are processing and started before `moment`."""
    query = select(Job).where(Job.status == "processing", Job.service == service, Job.started_at < moment)
    return tx.scalars(query).all()


def states(tx: Session, job_ids: Collection[str]) -> dict[str, tuple[str, str, float]]:
    """Return status, stage and progress of jobs, by id."""
    rows = tx.execute(select(Job.id, Job.status, Job.stage, Job.progress).where(Job.id.in_(job_ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def add_event(tx: Session, job: Job, moment: datetime) -> None:
    event = JobEvent(job_id=job.id, status=job.status, stage=job.stage, progress=job.progress, created_at=moment)
    tx.add(event)
    tx.flush()


def events(tx: Session, job_id: str) -> Sequence[JobEvent]:
    """Return a job's events, oldest first."""
    return tx.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.sequence)).all()


def sweep_events(tx: Session, before: datetime) -> int:
    """Delete the events of jobs that ended before `before`; returns their number."""
    # Asked for each old event, of which there are few, and not for all jobs that ever ended.
    has_ended = exists().where(Job.id == JobEvent.job_id, Job.finished_at < before)
    old = delete(JobEvent).where(JobEvent.created_at < before, has_ended)
    return cast(CursorResult[Any], tx.execute(old)).rowcount
