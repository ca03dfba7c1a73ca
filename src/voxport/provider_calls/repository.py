"""SQL of the intents. Every change of a state is guarded by the state that it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from voxport.db.session import changed
from voxport.provider_calls.models import Intent


def of_job(tx: Session, job_id: str) -> Sequence[Intent]:
    return tx.scalars(select(Intent).where(Intent.job_id == job_id)).all()


def in_state(tx: Session, *states: str) -> Sequence[Intent]:
    return tx.scalars(select(Intent).where(Intent.state.in_(states)).order_by(Intent.sequence)).all()


def every(tx: Session) -> Sequence[Intent]:
    return tx.scalars(select(Intent).order_by(Intent.sequence)).all()


def owners(tx: Session) -> set[str]:
    """The processes that have calls under way, or died in them."""
    query = select(Intent.owner).where(Intent.state == "open", Intent.owner.is_not(None)).distinct()
    return {owner for owner in tx.scalars(query) if owner is not None}


def open_of(tx: Session, owner: str) -> Sequence[Intent]:
    return tx.scalars(select(Intent).where(Intent.state == "open", Intent.owner == owner)).all()


def in_use(tx: Session, provider: str, *kinds: str) -> set[str]:
    """The voices of calls that are under way."""
    query = select(Intent.voice_id).where(Intent.provider == provider, Intent.kind.in_(kinds), Intent.state == "open")
    return set(tx.scalars(query))


def change(tx: Session, intent_id: str, *, was: Sequence[str], **values: Any) -> bool:
    """Set columns where the intent's state is one of `was`; False where it is not."""
    return changed(tx, update(Intent).where(Intent.id == intent_id, Intent.state.in_(was)).values(**values))


def remove_unchanged(tx: Session, row: Intent) -> bool:
    """Remove a row unless somebody changed it meanwhile."""
    same = (Intent.id == row.id, Intent.state == row.state, Intent.changed_at == row.changed_at)
    return cast(CursorResult[Any], tx.execute(delete(Intent).where(*same))).rowcount == 1


def remove(tx: Session, intent_id: str) -> None:
    tx.execute(delete(Intent).where(Intent.id == intent_id))


def by_id(tx: Session, intent_id: str) -> Intent | None:
    return tx.scalar(select(Intent).where(Intent.id == intent_id).execution_options(populate_existing=True))
