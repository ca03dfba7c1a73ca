"""SQL of scripts and their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from voxport.scripts.models import JobLine, ScriptJob

_BATCH = 500


def add_script(tx: Session, script: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    """Add a job's script and its lines."""
    tx.execute(insert(ScriptJob).values(**script))
    for batch in _batches(lines):
        tx.execute(insert(JobLine), batch)


def script(tx: Session, job_id: str) -> ScriptJob | None:
    return tx.scalar(select(ScriptJob).where(ScriptJob.job_id == job_id))


def lines(tx: Session, job_id: str, *, after: int = -1, limit: int | None = None) -> Sequence[JobLine]:
    """Return a job's lines behind the number `after`, in order."""
    query = select(JobLine).where(JobLine.job_id == job_id, JobLine.number > after).order_by(JobLine.number)
    return tx.scalars(query if limit is None else query.limit(limit)).all()


def set_spoken(tx: Session, job_id: str, digest: str, samples: int, findings: list[dict[str, Any]] | None) -> None:
    """Record the audio of a job's lines with this digest."""
    same = (JobLine.job_id == job_id, JobLine.digest == digest)
    tx.execute(update(JobLine).where(*same).values(samples=samples, findings=findings))


def set_starts(tx: Session, job_id: str, starts: Sequence[tuple[int, int, bool]]) -> None:
    """Record number, first sample in the joined file, and whether it was charged, of a job's lines."""
    for batch in _batches(starts):
        tx.execute(
            update(JobLine),
            [
                {"job_id": job_id, "number": number, "start_sample": start, "is_charged": is_charged}
                for number, start, is_charged in batch
            ],
        )


def remove_script(tx: Session, job_id: str) -> None:
    tx.execute(delete(JobLine).where(JobLine.job_id == job_id))
    tx.execute(delete(ScriptJob).where(ScriptJob.job_id == job_id))


def scripts_of(tx: Session, profile_id: str) -> Sequence[str]:
    return tx.scalars(select(ScriptJob.job_id).where(ScriptJob.profile_id == profile_id)).all()


def _batches(values: Sequence[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(values), _BATCH):
        yield list(values[begin : begin + _BATCH])
