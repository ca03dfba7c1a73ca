"""What happened to a job since an event: for a client that comes, or comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voxport.jobs.models import Job, JobEvent

FINAL_STATUSES = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class JobSnapshot:
    """The job as it was, or is. `event_id` is None for mere progress, which is not kept: who missed it misses
    nothing."""

    event_id: int | None
    job: Job


@dataclass(frozen=True)
class ReplayPosition:
    """How far a client has come: the last event that it got, and the progress that it saw."""

    event_id: int | None
    progress: float = -1.0


def parse_position(last_event_id: str | None, events: Sequence[JobEvent]) -> ReplayPosition:
    """Where a client that sends this `Last-Event-ID` stands; one that we never gave counts for none."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        return ReplayPosition(None)
    event_id = int(last_event_id)
    return ReplayPosition(event_id if not events or event_id <= events[-1].sequence else None)


def events_since(position: ReplayPosition, job: Job, events: Sequence[JobEvent]) -> list[JobSnapshot]:
    """What the client has not seen yet; a client without a place sees the job as it is."""
    newest = events[-1].sequence if events else 0  # the events of an old job are swept
    if position.event_id is None:
        return [JobSnapshot(newest, job)]
    if not events and job.status in FINAL_STATUSES:
        return [JobSnapshot(0, job)] if position.event_id else []
    missed = [JobSnapshot(one.sequence, job_at_event(job, one)) for one in events if one.sequence > position.event_id]
    if missed:
        missed[-1] = JobSnapshot(newest, job)  # with the progress that came after it
    elif job.status not in FINAL_STATUSES and job.progress != position.progress:
        return [JobSnapshot(None, job)]
    return missed


def job_at_event(job: Job, event: JobEvent) -> Job:
    """The job at an event. Of its end only the last event tells."""
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
