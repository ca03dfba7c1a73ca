"""SQL of the audio of lines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, insert, select, update
from sqlalchemy.orm import Session

from voxport.spoken_lines.models import LineAudio

_BATCH: Final = 500
_EXPIRED: Final = datetime.fromtimestamp(0, UTC)
"""`used_at` of the audio of a voice that is deleted."""


def find(tx: Session, profile_id: str, digests: Collection[str]) -> dict[str, LineAudio]:
    """Return the spoken audio of the profile by its digest, of those of `digests` that there is."""
    found: dict[str, LineAudio] = {}
    for batch in _batches(list(digests)):
        query = select(LineAudio).where(LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch))
        found |= {row.digest: row for row in tx.scalars(query)}
    return found


def add(tx: Session, **columns: Any) -> None:
    tx.execute(insert(LineAudio).values(**columns))


def mark_paid(tx: Session, profile_id: str, digests: Collection[str]) -> None:
    for batch in _batches(sorted(digests)):
        same = (LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch))
        tx.execute(update(LineAudio).where(*same).values(is_paid=True))


def touch(tx: Session, profile_id: str, digests: Collection[str], moment: datetime) -> None:
    """Set the time of the last use, but for the audio of a voice that is deleted."""
    for batch in _batches(sorted(digests)):
        same = (LineAudio.profile_id == profile_id, LineAudio.digest.in_(batch), LineAudio.used_at > _EXPIRED)
        tx.execute(update(LineAudio).where(*same).values(used_at=moment))


def remove_unused(tx: Session, sequence: int, since: datetime) -> bool:
    """Delete a row that has not been used since; returns whether it was."""
    same = (LineAudio.sequence == sequence, LineAudio.used_at < since)
    return cast(CursorResult[Any], tx.execute(delete(LineAudio).where(*same))).rowcount == 1


def remove(tx: Session, sequence: int) -> None:
    tx.execute(delete(LineAudio).where(LineAudio.sequence == sequence))


def expire_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    is_heard = LineAudio.voice_ids.contains(f"\n{voice_id}\n", autoescape=True)
    same = (LineAudio.profile_id == profile_id, is_heard)
    tx.execute(update(LineAudio).where(*same).values(used_at=_EXPIRED))


def of_profile(tx: Session, profile_id: str) -> Sequence[LineAudio]:
    return tx.scalars(select(LineAudio).where(LineAudio.profile_id == profile_id)).all()


def unused(tx: Session, since: datetime, limit: int) -> Sequence[LineAudio]:
    """Return audio that no job has used since `since`, the oldest first."""
    return tx.scalars(select(LineAudio).where(LineAudio.used_at < since).order_by(LineAudio.used_at).limit(limit)).all()


def _batches(values: Sequence[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(values), _BATCH):
        yield list(values[begin : begin + _BATCH])
