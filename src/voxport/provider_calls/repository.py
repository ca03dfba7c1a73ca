"""SQL of the paid provider calls. Every change of state is conditional on the expected previous state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from voxport.db.prepared import Prepared
from voxport.db.session import update_one
from voxport.provider_calls.models import ProviderCall

_ADD = Prepared(
    insert(ProviderCall).values(
        {column.name: bindparam(column.name) for column in ProviderCall.__table__.columns if column.name != "sequence"}
    )
)
_REMOVE = Prepared(delete(ProviderCall).where(ProviderCall.id == bindparam("call_id")))


def add(tx: Session, **columns: Any) -> None:
    _ADD.run(tx, **columns)


def for_job(tx: Session, job_id: str) -> Sequence[ProviderCall]:
    """Return the rows in one order, since two lines of a job that change all of them would deadlock in two."""
    return tx.scalars(select(ProviderCall).where(ProviderCall.job_id == job_id).order_by(ProviderCall.sequence)).all()


def in_state(tx: Session, *states: str) -> Sequence[ProviderCall]:
    return tx.scalars(select(ProviderCall).where(ProviderCall.state.in_(states)).order_by(ProviderCall.sequence)).all()


def list_all(tx: Session) -> Sequence[ProviderCall]:
    return tx.scalars(select(ProviderCall).order_by(ProviderCall.sequence)).all()


def owners_of_open(tx: Session) -> set[str]:
    """The processes that have open calls. Some may have died."""
    query = select(ProviderCall.owner).where(ProviderCall.state == "open", ProviderCall.owner.is_not(None)).distinct()
    return {owner for owner in tx.scalars(query) if owner is not None}


def open_of_owner(tx: Session, owner: str) -> Sequence[ProviderCall]:
    return tx.scalars(select(ProviderCall).where(ProviderCall.state == "open", ProviderCall.owner == owner)).all()


def in_use(tx: Session, provider: str, *kinds: str) -> set[str]:
    """The voice ids of open calls of these kinds at a provider."""
    query = select(ProviderCall.voice_id).where(
        ProviderCall.provider == provider, ProviderCall.kind.in_(kinds), ProviderCall.state == "open"
    )
    return set(tx.scalars(query))


def change(tx: Session, call_id: str, *, expected: Sequence[str], **values: Any) -> bool:
    """Set columns if the row's state is one of `expected`. Returns whether it was."""
    return update_one(
        tx, update(ProviderCall).where(ProviderCall.id == call_id, ProviderCall.state.in_(expected)).values(**values)
    )


def remove_unchanged(tx: Session, row: ProviderCall) -> bool:
    """Delete a row unless it has changed since it was read. Returns whether it was deleted."""
    same = (ProviderCall.id == row.id, ProviderCall.state == row.state, ProviderCall.changed_at == row.changed_at)
    return cast(CursorResult[Any], tx.execute(delete(ProviderCall).where(*same))).rowcount == 1


def remove(tx: Session, call_id: str) -> None:
    _REMOVE.run(tx, call_id=call_id)


def by_id(tx: Session, call_id: str) -> ProviderCall | None:
    return tx.scalar(select(ProviderCall).where(ProviderCall.id == call_id).execution_options(populate_existing=True))
