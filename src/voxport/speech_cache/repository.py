"""SQL of the cached speech."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from voxport.db.prepared import Prepared
from voxport.media.models import Media
from voxport.speech_cache.models import CachedFile, CachedSpeech

_FIND = Prepared(
    select(Media.key, Media.size_bytes, CachedSpeech.milliseconds)
    .join(CachedSpeech, CachedSpeech.file_key == Media.key)
    .where(
        CachedSpeech.digest == bindparam("digest"),
        CachedSpeech.created_at > bindparam("since"),
        Media.profile_id == bindparam("profile_id"),
        Media.uploaded_at.is_not(None),
    )
    .order_by(CachedSpeech.created_at.desc())
    .limit(1)
)
_ADD = Prepared(
    insert(CachedSpeech).values(
        {column.name: bindparam(column.name) for column in CachedSpeech.__table__.columns if column.name != "sequence"}
    )
)


def find(tx: Session, profile_id: str, digest: str, *, since: datetime) -> CachedFile | None:
    """Return the profile's newest complete file with this digest that was added after `since`."""
    row = _FIND.first(tx, profile_id=profile_id, digest=digest, since=since)
    return None if row is None else CachedFile(*row)


def add(tx: Session, **columns: Any) -> None:
    _ADD.run(tx, **columns)


def remove_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    tx.execute(delete(CachedSpeech).where(CachedSpeech.profile_id == profile_id, CachedSpeech.voice_id == voice_id))


def remove_profile(tx: Session, profile_id: str) -> None:
    tx.execute(delete(CachedSpeech).where(CachedSpeech.profile_id == profile_id))


def remove_before(tx: Session, moment: datetime, limit: int) -> int:
    """Delete the oldest rows from before `moment`, at most `limit`; return how many."""
    old = select(CachedSpeech.sequence).where(CachedSpeech.created_at < moment)
    statement = delete(CachedSpeech).where(
        CachedSpeech.sequence.in_(old.order_by(CachedSpeech.created_at).limit(limit))
    )
    return cast(CursorResult[Any], tx.execute(statement)).rowcount
