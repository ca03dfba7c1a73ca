"""SQL of the kept answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from voxport.db.session import changed
from voxport.idempotency.models import KeptAnswer


def find(tx: Session, scopes: Collection[str]) -> Sequence[KeptAnswer]:
    """The oldest first."""
    return tx.scalars(select(KeptAnswer).where(KeptAnswer.scope.in_(scopes)).order_by(KeptAnswer.sequence)).all()


def remove(tx: Session, row: KeptAnswer) -> None:
    """Delete this row. SQLite gives the number of the last row again once it is deleted, so that the number alone may
    be a newer call's."""
    same = (KeptAnswer.sequence == row.sequence, KeptAnswer.scope == row.scope, KeptAnswer.request_id == row.request_id)
    tx.execute(delete(KeptAnswer).where(*same))


def answer(tx: Session, scope: str, request_id: str, **values: Any) -> bool:
    """Say what came of the call of this request; False where it is not open any more."""
    guard = (KeptAnswer.scope == scope, KeptAnswer.request_id == request_id, KeptAnswer.state == "open")
    return changed(tx, update(KeptAnswer).where(*guard).values(**values))


def every(tx: Session, profile_id: str) -> Sequence[KeptAnswer]:
    return tx.scalars(select(KeptAnswer).where(KeptAnswer.profile_id == profile_id)).all()


def before(tx: Session, moment: datetime, limit: int, *, without: Select[str]) -> Sequence[KeptAnswer]:
    query = select(KeptAnswer).where(KeptAnswer.created_at < moment, KeptAnswer.scope.not_in(without))
    return tx.scalars(query.order_by(KeptAnswer.created_at).limit(limit)).all()


def unanswered_before(tx: Session, moment: datetime, limit: int, *, without: Select[str]) -> Sequence[KeptAnswer]:
    query = select(KeptAnswer).where(KeptAnswer.state == "open", KeptAnswer.created_at < moment)
    query = query.where(KeptAnswer.scope.not_in(without))
    return tx.scalars(query.order_by(KeptAnswer.created_at).limit(limit)).all()
