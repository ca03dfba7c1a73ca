"""What happened to a job since an event: for a client that comes, or comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voxport.jobs.models import Job, JobEvent

ENDED = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Shown:
    """The job as it was, or is. `event_id` is None for mere progress, which is not kept: who missed it misses
    nothing."""

    event_id: int | None
    job: Job


@dataclass(frozen=True)
class Place:
    """How far a client has come: the last event that it got, and the progress that it saw."""

    event_id: int | None
    progress: float = -1.0


def place_of(last_event_id: str | None, events: Sequence[JobEvent]) -> Place:
    """Where a client that sends this `Last-Event-ID` stands; one that we never gave counts for none."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        return Place(None)
    event_id = int(last_event_id)
    return Place(event_id if not events or event_id <= events[-1].sequence else None)


def since(place: Place, job: Job, events: Sequence[JobEvent]) -> list[Shown]:
    """What the client has not seen yet; a client without a place sees the job as it is."""
    newest = events[-1].sequence if events else 0  # the events of an old job are swept
    if place.event_id is None:
        return [Shown(newest, job)]
    if not events and job.status in ENDED:
        return [Shown(0, job)] if place.event_id else []
    missed = [Shown(one.sequence, as_it_was(job, one)) for one in events if one.sequence > place.event_id]
    if missed:
        missed[-1] = Shown(newest, job)  # with the progress that came after it
    elif job.status not in ENDED and job.progress != place.progress:
        return [Shown(None, job)]
    return missed


def as_it_was(job: Job, event: JobEvent) -> Job:
    """The job at an event. Of its end only the last event tells."""
    if event.status in ENDED:
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
