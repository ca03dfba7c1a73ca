"""SQL of pronunciation dictionaries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from voxport.pronunciations.models import PronunciationDictionary


def owned(
    tx: Session, profile_id: str, dictionary_id: str, *, for_update: bool = False
) -> PronunciationDictionary | None:
    query = select(PronunciationDictionary).where(
        PronunciationDictionary.profile_id == profile_id, PronunciationDictionary.id == dictionary_id
    )
    return tx.scalar(query.with_for_update(key_share=True) if for_update else query)


def all_owned(tx: Session, profile_id: str) -> Sequence[PronunciationDictionary]:
    """Return a profile's dictionaries, the oldest first."""
    query = select(PronunciationDictionary).where(PronunciationDictionary.profile_id == profile_id)
    return tx.scalars(query.order_by(PronunciationDictionary.sequence)).all()


def some_owned(tx: Session, profile_id: str, ids: Collection[str]) -> dict[str, PronunciationDictionary]:
    query = select(PronunciationDictionary).where(
        PronunciationDictionary.profile_id == profile_id, PronunciationDictionary.id.in_(ids)
    )
    return {row.id: row for row in tx.scalars(query)}


def count(tx: Session, profile_id: str) -> int:
    query = select(func.count()).select_from(PronunciationDictionary)
    return tx.scalar(query.where(PronunciationDictionary.profile_id == profile_id)) or 0


def remove_all(tx: Session, profile_id: str) -> None:
    tx.execute(delete(PronunciationDictionary).where(PronunciationDictionary.profile_id == profile_id))
