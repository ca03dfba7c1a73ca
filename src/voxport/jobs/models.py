"""Tables of jobs and their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class Job(Base):
    """A job. `status` is queued → processing → completed, failed or cancelled. `request` holds the customer's request.
    `output_id` is the id of the job's output, chosen beforehand so that a step that runs twice creates it once."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_profile_id_sequence", "profile_id", "sequence"),
        Index("ix_jobs_profile_id_status", "profile_id", "status"),
        Index("ix_jobs_profile_id_service_sequence", "profile_id", "service", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    service: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), index=True)
    stage: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Float)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    output_id: Mapped[str] = mapped_column("subject", String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    micro_units: Mapped[int] = mapped_column(BigInteger)
    token_cost: Mapped[int] = mapped_column(BigInteger)
    hold_id: Mapped[str] = mapped_column(ForeignKey("holds.id"))
    request_id: Mapped[str] = mapped_column(String(64))
    # The place in the trace of the request, which the worker continues.
    traceparent: Mapped[str | None] = mapped_column(String(64))
    webhook_url: Mapped[str | None] = mapped_column(String(2048))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobEvent(Base):
    """A change of a job's status or stage. Append-only; the events of jobs that ended long ago are deleted. Changes of
    progress alone are not recorded."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job_id_sequence", "job_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
