"""SQL of the cloned voices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from voxport.db.session import changed
from voxport.voices.models import Voice, VoiceBinding


def owned(tx: Session, profile_id: str, voice_id: str) -> Voice | None:
    return tx.scalar(
        select(Voice).where(Voice.profile_id == profile_id, Voice.id == voice_id, Voice.deleted_at.is_(None))
    )


def all_owned(tx: Session, profile_id: str) -> Sequence[Voice]:
    query = select(Voice).where(Voice.profile_id == profile_id, Voice.deleted_at.is_(None))
    return tx.scalars(query.order_by(Voice.sequence.desc())).all()


def hide(tx: Session, profile_id: str, voice_id: str, moment: datetime) -> bool:
    return changed(
        tx,
        update(Voice)
        .where(Voice.profile_id == profile_id, Voice.id == voice_id, Voice.deleted_at.is_(None))
        .values(deleted_at=moment),
    )


def hidden(tx: Session) -> Sequence[Voice]:
    return tx.scalars(select(Voice).where(Voice.deleted_at.is_not(None))).all()


def remove(tx: Session, voice_id: str) -> None:
    tx.execute(delete(VoiceBinding).where(VoiceBinding.voice_id == voice_id))
    tx.execute(delete(Voice).where(Voice.id == voice_id))
