"""Computes the events that a connecting or reconnecting client has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voxport.jobs.models import Job, JobEvent

FINAL_STATUSES = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class JobSnapshot:
    """The job at an event, or now. `event_id` is None for a change of progress only: those are not stored, and a
    client that misses one loses nothing."""

    event_id: int | None
    job: Job


@dataclass(frozen=True)
class ReplayPosition:
    """The last event that a client received, and the last progress (0 to 1) that it saw."""

    event_id: int | None
    progress: float = -1.0


def parse_position(last_event_id: str | None, events: Sequence[JobEvent]) -> ReplayPosition:
    """Parse `Last-Event-ID`. An id that was never issued counts as none."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        return ReplayPosition(None)
    event_id = int(last_event_id)
    return ReplayPosition(event_id if not events or event_id <= events[-1].sequence else None)


def events_since(position: ReplayPosition, job: Job, events: Sequence[JobEvent]) -> list[JobSnapshot]:
    """Return what the client has not seen yet; a client without an event id gets the current job."""
    newest = events[-1].sequence if events else 0  # an old job's events are deleted
    if position.event_id is None:
        return [JobSnapshot(newest, job)]
    if not events and job.status in FINAL_STATUSES:
        return [JobSnapshot(0, job)] if position.event_id else []
    missed = [JobSnapshot(one.sequence, job_at_event(job, one)) for one in events if one.sequence > position.event_id]
    if missed:
        missed[-1] = JobSnapshot(newest, job)  # includes later progress
    elif job.status not in FINAL_STATUSES and job.progress != position.progress:
        return [JobSnapshot(None, job)]
    return missed


def job_at_event(job: Job, event: JobEvent) -> Job:
    """Return the job as it was at an event. A final event gives the job as stored, with result and cost."""
    if event.status in FINAL_STATUSES:
        return job
    return Job(
        id=job.id,
        service=job.service,
        status=event.status,
        stage=event.stage,
        progress=event.progress,
        result=None,
        error=None,
        micro_units=0,
        token_cost=0,
        created_at=job.created_at,
        started_at=None if event.status == "queued" else job.started_at,
        finished_at=None,
    )
