"""SQL of stored responses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import Session

from voxport.db.session import update_one
from voxport.idempotency.models import StoredResponse
from voxport.ids import random_text

_RETIRED_LENGTH = 32
"""Characters of a scope that no call has: those are hashes, of 64."""


def find(tx: Session, scopes: Collection[str]) -> Sequence[StoredResponse]:
    """Return the rows of the scopes, oldest first."""
    return tx.scalars(
        select(StoredResponse).where(StoredResponse.scope.in_(scopes)).order_by(StoredResponse.sequence)
    ).all()


def remove(tx: Session, row: StoredResponse) -> None:
    tx.execute(delete(StoredResponse).where(*_is(row)))


def retire(tx: Session, row: StoredResponse) -> None:
    """Let another row have the scope of this one, which is left for the sweep."""
    tx.execute(update(StoredResponse).where(*_is(row)).values(scope=random_text(_RETIRED_LENGTH)))


def complete(tx: Session, scope: str, request_id: str, **values: Any) -> bool:
    """Set the outcome of this request's call; False if it is no longer open."""
    guard = (StoredResponse.scope == scope, StoredResponse.request_id == request_id, StoredResponse.state == "open")
    return update_one(tx, update(StoredResponse).where(*guard).values(**values))


def all_of_profile(tx: Session, profile_id: str) -> Sequence[StoredResponse]:
    return tx.scalars(select(StoredResponse).where(StoredResponse.profile_id == profile_id)).all()


def older_than(tx: Session, moment: datetime, limit: int, *, excluded: Select[str]) -> Sequence[StoredResponse]:
    query = select(StoredResponse).where(StoredResponse.created_at < moment, StoredResponse.scope.not_in(excluded))
    return tx.scalars(query.order_by(StoredResponse.created_at).limit(limit)).all()


def open_older_than(tx: Session, moment: datetime, limit: int, *, excluded: Select[str]) -> Sequence[StoredResponse]:
    query = select(StoredResponse).where(StoredResponse.state == "open", StoredResponse.created_at < moment)
    query = query.where(StoredResponse.scope.not_in(excluded))
    return tx.scalars(query.order_by(StoredResponse.created_at).limit(limit)).all()


def _is(row: StoredResponse) -> tuple[ColumnElement[bool], ...]:
    """Match this row. SQLite reuses the sequence number of a deleted last row, so the number alone could match a newer
    call's row."""
    return (
        StoredResponse.sequence == row.sequence,
        StoredResponse.scope == row.scope,
        StoredResponse.request_id == row.request_id,
    )
