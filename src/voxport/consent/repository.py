"""SQL of the consents."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from voxport.consent.models import ConsentRecord


def page(tx: Session, profile_id: str | None, before: int | None, limit: int) -> Sequence[ConsentRecord]:
    query = select(ConsentRecord)
    if profile_id is not None:
        query = query.where(ConsentRecord.profile_id == profile_id)
    if before is not None:
        query = query.where(ConsentRecord.sequence < before)
    return tx.scalars(query.order_by(ConsentRecord.sequence.desc()).limit(limit)).all()


def blank(tx: Session, profile_id: str) -> None:
    own = ConsentRecord.profile_id == profile_id
    tx.execute(update(ConsentRecord).where(own).values(speaker="", words=None))
