"""SQL of the jobs. Every change of a job's status is guarded by the status that it had."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session, defer

from voxport.db.session import update_one
from voxport.jobs.models import Job, JobEvent

OPEN = ("queued", "processing")


def owned(tx: Session, profile_id: str, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.profile_id == profile_id, Job.id == job_id))


def by_id(tx: Session, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.id == job_id).execution_options(populate_existing=True))


def change(tx: Session, job_id: str, *, expected: Sequence[str], **values: Any) -> bool:
    """Set columns where the job's status is one of `expected`; False where it is not."""
    return update_one(tx, update(Job).where(Job.id == job_id, Job.status.in_(expected)).values(**values))


def enter(tx: Session, job_id: str, stage: str, progress: float) -> bool:
    """Into another stage; False where the job is in it already, or is not being processed."""
    other = (Job.id == job_id, Job.status == "processing", Job.stage != stage)
    return update_one(tx, update(Job).where(*other).values(stage=stage, progress=progress))


def page(
    tx: Session, profile_id: str, *, status: str | None, service: str | None, before: int | None, limit: int
) -> Sequence[Job]:
    # Without what was asked for: a hundred thousand characters a row.
    query = select(Job).options(defer(Job.request, raiseload=True)).where(Job.profile_id == profile_id)
    if status is not None:
        query = query.where(Job.status == status)
    if service is not None:
        query = query.where(Job.service == service)
    if before is not None:
        query = query.where(Job.sequence < before)
    return tx.scalars(query.order_by(Job.sequence.desc()).limit(limit)).all()


def count_open(tx: Session, profile_id: str, max_count: int) -> int:
    """How many jobs of the profile are not finished; `max_count` stands for that many or more."""
    query = select(Job.sequence).where(Job.profile_id == profile_id, Job.status.in_(OPEN)).limit(max_count)
    return tx.scalar(select(func.count()).select_from(query.subquery())) or 0


def open_before(tx: Session, moment: datetime) -> Sequence[Job]:
    """Jobs that are not finished and were made before a moment."""
    return tx.scalars(select(Job).where(Job.status.in_(OPEN), Job.created_at < moment)).all()


def open_of(tx: Session, profile_id: str) -> Sequence[Job]:
    return tx.scalars(select(Job).where(Job.profile_id == profile_id, Job.status.in_(OPEN))).all()


def ids_of(tx: Session, profile_id: str) -> Sequence[str]:
    return tx.scalars(select(Job.id).where(Job.profile_id == profile_id).order_by(Job.sequence)).all()


def is_processing(tx: Session, job_id: str) -> bool:
    return tx.scalar(select(Job.status).where(Job.id == job_id)) == "processing"


def processing_since(tx: Session, service: str, moment: datetime) -> Sequence[Job]:
    """Jobs of a service that were begun before a moment and have not ended."""
    query = select(Job).where(Job.status == "processing", Job.service == service, Job.started_at < moment)
    return tx.scalars(query).all()


def states(tx: Session, job_ids: Collection[str]) -> dict[str, tuple[str, str, float]]:
    """Status, stage and progress of jobs, by id."""
    rows = tx.execute(select(Job.id, Job.status, Job.stage, Job.progress).where(Job.id.in_(job_ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def add_event(tx: Session, job: Job, moment: datetime) -> None:
    event = JobEvent(job_id=job.id, status=job.status, stage=job.stage, progress=job.progress, created_at=moment)
    tx.add(event)
    tx.flush()


def events(tx: Session, job_id: str) -> Sequence[JobEvent]:
    """A job's, the oldest first."""
    return tx.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.sequence)).all()


def sweep_events(tx: Session, before: datetime) -> int:
    """Remove the events of jobs that ended before a moment; how many there were."""
    ended = select(Job.id).where(Job.finished_at < before)
    old = delete(JobEvent).where(JobEvent.created_at < before, JobEvent.job_id.in_(ended))
    return cast(CursorResult[Any], tx.execute(old)).rowcount
