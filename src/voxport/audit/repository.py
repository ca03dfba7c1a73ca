"""SQL queries for the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from voxport.audit.models import AuditEntry, AuditHead

_BATCH = 1000


def head(tx: Session, *, lock: bool) -> AuditHead:
    query = select(AuditHead).execution_options(populate_existing=True)
    return tx.scalars(query.with_for_update() if lock else query).one()


def iterate(tx: Session) -> Iterator[AuditEntry]:
    """Yield all rows, oldest first, with one batch in memory at a time."""
    yield from tx.scalars(select(AuditEntry).order_by(AuditEntry.sequence).execution_options(yield_per=_BATCH))


def page(tx: Session, profile_id: str | None, before: int | None, limit: int) -> Sequence[AuditEntry]:
    query = select(AuditEntry)
    if profile_id is not None:
        query = query.where(AuditEntry.profile_id == profile_id)
    if before is not None:
        query = query.where(AuditEntry.sequence < before)
    return tx.scalars(query.order_by(AuditEntry.sequence.desc()).limit(limit)).all()
