"""SQL that compares holds and charges with jobs and provider calls, of all profiles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from voxport.billing.models import Hold, LedgerTransaction
from voxport.jobs.models import Job
from voxport.provider_calls.models import ProviderCall
from voxport.reconciliation.models import LedgerCheck


@dataclass(frozen=True)
class OpenHold:
    """An open hold and what may settle it: a process, a job (its status is None if the job does not exist), or a
    provider call whose outcome is unknown."""

    id: str
    owner: str | None
    job_id: str | None
    job_status: str | None
    is_outcome_unknown: bool


def open_holds(tx: Session) -> list[OpenHold]:
    is_outcome_unknown = exists().where(ProviderCall.hold_id == Hold.id, ProviderCall.state == "unknown")
    query = (
        select(Hold.id, Hold.owner, Hold.job_id, Job.status, is_outcome_unknown)
        .join(Job, Job.id == Hold.job_id, isouter=True)
        .where(Hold.state == "open")
        .order_by(Hold.sequence)
    )
    return [OpenHold(row[0], row[1], row[2], row[3], bool(row[4])) for row in tx.execute(query)]


def still_open(tx: Session, hold_ids: Collection[str]) -> set[str]:
    return set(tx.scalars(select(Hold.id).where(Hold.id.in_(hold_ids), Hold.state == "open")))


def charges_without_job(tx: Session) -> Sequence[tuple[str, str, str | None]]:
    """Return the captured holds whose job is missing or not completed, has another cost, or has another hold:
    (hold, job, status)."""
    query = (
        select(Hold.id, Hold.job_id, Job.status)
        .join(Job, Job.id == Hold.job_id, isouter=True)
        .where(
            Hold.state == "captured",
            Hold.job_id.is_not(None),
            Job.id.is_(None)
            | (Job.status != "completed")
            | (Job.token_cost != Hold.captured)
            | (Job.hold_id != Hold.id),
        )
    )
    return [(row[0], row[1] or "", row[2]) for row in tx.execute(query)]


def completed_jobs_without_charge(tx: Session) -> Sequence[tuple[str, str, int, int | None]]:
    """Return the completed jobs whose cost was not charged: (job, hold, cost of the job, charge in the ledger)."""
    charge = LedgerTransaction
    query = (
        select(Job.id, Job.hold_id, Job.token_cost, -charge.tokens)
        .join(charge, (charge.hold_id == Job.hold_id) & (charge.kind == "capture"), isouter=True)
        .where(Job.status == "completed", func.coalesce(charge.tokens, 1) != -Job.token_cost)
    )
    return [(row[0], row[1], row[2], row[3]) for row in tx.execute(query)]


def last_check(tx: Session) -> LedgerCheck | None:
    return tx.scalar(select(LedgerCheck).order_by(LedgerCheck.sequence.desc()).limit(1))
