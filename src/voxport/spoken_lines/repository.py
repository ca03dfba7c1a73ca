"""SQL of the audio of lines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from voxport.accounts.models import Profile
from voxport.spoken_lines.models import LineAudio

_BATCH = 500


def find(tx: Session, profile_id: str, digests: Collection[str]) -> dict[str, LineAudio]:
    """Return the spoken audio of the profile by its digest, of those of `digests` that there is."""
    found: dict[str, LineAudio] = {}
    for batch in _batches(list(digests)):
        query = select(LineAudio).where(LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch))
        found |= {row.digest: row for row in tx.scalars(query)}
    return found


def add(tx: Session, **columns: Any) -> bool:
    """Add a row; returns False if another job has spoken the line meanwhile."""
    profile_id, digest = columns["profile_id"], columns["digest"]
    tx.execute(select(Profile.id).where(Profile.id == profile_id).with_for_update())
    if find(tx, profile_id, [digest]):
        return False
    tx.execute(insert(LineAudio).values(**columns))
    return True


def mark_paid(tx: Session, profile_id: str, digests: Collection[str], moment: datetime) -> None:
    for batch in _batches(list(digests)):
        same = (LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch))
        tx.execute(update(LineAudio).where(*same).values(is_paid=True, used_at=moment))


def touch(tx: Session, profile_id: str, digests: Collection[str], moment: datetime) -> None:
    for batch in _batches(list(digests)):
        same = (LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch))
        tx.execute(update(LineAudio).where(*same).values(used_at=moment))


def remove(tx: Session, profile_id: str, digest: str) -> None:
    tx.execute(delete(LineAudio).where(LineAudio.profile_id == profile_id, LineAudio.digest == digest))


def expire_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    same = (LineAudio.profile_id == profile_id, LineAudio.voice_id == voice_id)
    tx.execute(update(LineAudio).where(*same).values(used_at=datetime.fromtimestamp(0, UTC)))


def of_profile(tx: Session, profile_id: str) -> Sequence[str]:
    return tx.scalars(select(LineAudio.digest).where(LineAudio.profile_id == profile_id)).all()


def unused(tx: Session, since: datetime, limit: int) -> Sequence[LineAudio]:
    """Return audio that no job has used since `since`, the oldest first."""
    return tx.scalars(select(LineAudio).where(LineAudio.used_at < since).order_by(LineAudio.used_at).limit(limit)).all()


def _batches(values: Sequence[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(values), _BATCH):
        yield list(values[begin : begin + _BATCH])
