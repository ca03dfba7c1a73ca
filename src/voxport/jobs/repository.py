"""SQL of the jobs. Every change of a job's status is guarded by the status that it had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, defer

from voxport.db.session import changed
from voxport.jobs.models import Job

OPEN = ("queued", "processing")


def owned(tx: Session, profile_id: str, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.profile_id == profile_id, Job.id == job_id))


def by_id(tx: Session, job_id: str) -> Job | None:
    return tx.scalar(select(Job).where(Job.id == job_id).execution_options(populate_existing=True))


def change(tx: Session, job_id: str, *, was: Sequence[str], **values: Any) -> bool:
    """Set columns where the job's status is one of `was`; False where it is not."""
    return changed(tx, update(Job).where(Job.id == job_id, Job.status.in_(was)).values(**values))


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


def count_open(tx: Session, profile_id: str, most: int) -> int:
    """How many jobs of the profile are not finished; `most` stands for that many or more."""
    query = select(Job.sequence).where(Job.profile_id == profile_id, Job.status.in_(OPEN)).limit(most)
    return tx.scalar(select(func.count()).select_from(query.subquery())) or 0


def open_before(tx: Session, moment: datetime) -> Sequence[Job]:
    """Jobs that are not finished and were made before a moment."""
    return tx.scalars(select(Job).where(Job.status.in_(OPEN), Job.created_at < moment)).all()


def is_processing(tx: Session, job_id: str) -> bool:
    return tx.scalar(select(Job.status).where(Job.id == job_id)) == "processing"
