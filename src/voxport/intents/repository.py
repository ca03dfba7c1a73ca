"""SQL of the intents. Every change of a state is guarded by the state that it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from voxport.db.session import changed
from voxport.intents.models import Intent


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


def speaking(tx: Session, provider: str) -> set[str]:
    """The voices that are being spoken with."""
    query = select(Intent.voice_id).where(Intent.provider == provider, Intent.kind == "speech", Intent.state == "open")
    return set(tx.scalars(query))


def under_way(tx: Session, provider: str) -> set[str]:
    query = select(Intent.voice_id).where(Intent.provider == provider, Intent.state.in_(("open", "removing")))
    return set(tx.scalars(query))


def change(tx: Session, intent_id: str, *, was: Sequence[str], **values: Any) -> bool:
    """Set columns where the intent's state is one of `was`; False where it is not."""
    return changed(tx, update(Intent).where(Intent.id == intent_id, Intent.state.in_(was)).values(**values))


def remove(tx: Session, intent_id: str) -> None:
    tx.execute(delete(Intent).where(Intent.id == intent_id))


def by_id(tx: Session, intent_id: str) -> Intent | None:
    return tx.scalar(select(Intent).where(Intent.id == intent_id).execution_options(populate_existing=True))


def hold_of(tx: Session, intent_id: str) -> str | None:
    return tx.scalar(select(Intent.hold_id).where(Intent.id == intent_id))
