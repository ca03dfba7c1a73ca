"""SQL queries of the files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from voxport.accounts.models import Profile
from voxport.db.prepared import Prepared
from voxport.media.models import Media, MediaTotal

_ADD = Prepared(
    insert(Media).values(
        {column.name: bindparam(column.name) for column in Media.__table__.columns if column.name != "sequence"}
    )
)
_MARK_UPLOADED = Prepared(
    update(Media)
    .where(Media.key == bindparam("of_key"))
    .values(size_bytes=bindparam("size"), uploaded_at=bindparam("moment"))
)

_MADE: Final = ("speech", "subtitles", "document")
"""Kinds of files that core-tts makes."""

_TOTAL = Prepared(select(MediaTotal.bytes).where(MediaTotal.profile_id == bindparam("of_profile")))


def add(
    tx: Session, profile_id: str, key: str, kind: str, content_type: str, reserved_bytes: int, moment: datetime
) -> None:
    """Add the row of a file that is expected, made at `moment`."""
    _ADD.run(
        tx,
        profile_id=profile_id,
        key=key,
        kind=kind,
        content_type=content_type,
        reserved_bytes=reserved_bytes,
        created_at=moment,
        size_bytes=None,
        uploaded_at=None,
    )


def find_owned(tx: Session, profile_id: str, key: str) -> Media | None:
    return tx.scalar(select(Media).where(Media.profile_id == profile_id, Media.key == key))


def stored(tx: Session, profile_id: str, key: str) -> Media | None:
    """Return a complete file of the profile, not one that is still being written or expected."""
    return tx.scalar(select(Media).where(Media.key == key, *_stored_of(profile_id)))


def stored_types(tx: Session, profile_id: str, keys: Collection[str]) -> dict[str, str]:
    """Return the content types by key, of those of `keys` that are complete files of the profile."""
    query = select(Media.key, Media.content_type).where(Media.key.in_(keys), *_stored_of(profile_id))
    return {row.key: row.content_type for row in tx.execute(query)}


def stored_page(tx: Session, profile_id: str, *, kind: str | None, before: int | None, limit: int) -> Sequence[Media]:
    query = select(Media).where(*_stored_of(profile_id))
    if kind is not None:
        query = query.where(Media.kind == kind)
    if before is not None:
        query = query.where(Media.sequence < before)
    return tx.scalars(query.order_by(Media.sequence.desc()).limit(limit)).all()


def remove_stored(tx: Session, profile_id: str, key: str) -> bool:
    """Return False if the file is not there any more."""
    statement = delete(Media).where(Media.key == key, *_stored_of(profile_id))
    return cast(CursorResult[Any], tx.execute(statement)).rowcount == 1


def by_key(tx: Session, key: str) -> Media | None:
    """Return the row of a key without a profile, for holders of a signed URL."""
    return tx.scalar(select(Media).where(Media.key == key))


def mark_uploaded(tx: Session, key: str, size_bytes: int, moment: datetime) -> bool:
    """Return False if the row is gone."""
    return _MARK_UPLOADED.run(tx, of_key=key, size=size_bytes, moment=moment) == 1


def stored_bytes(tx: Session, profile_id: str) -> int:
    """Return the total bytes of stored files and reservations, which triggers of the database keep."""
    row = _TOTAL.first(tx, of_profile=profile_id)
    return 0 if row is None else int(row[0])


def reserve(tx: Session, key: str, size_bytes: int) -> None:
    tx.execute(update(Media).where(Media.key == key, Media.size_bytes.is_(None)).values(reserved_bytes=size_bytes))


def uploads_before(tx: Session, moment: datetime, limit: int, *, excluded: Select[str]) -> Sequence[Media]:
    query = select(Media).where(Media.kind == "upload", Media.created_at < moment, Media.key.not_in(excluded))
    return tx.scalars(query.order_by(Media.sequence).limit(limit)).all()


def expected_uploads(tx: Session, profile_id: str, after: datetime, limit: int) -> Sequence[Media]:
    """Return the profile's uploads that no one has seen yet, newest first."""
    query = select(Media).where(Media.profile_id == profile_id, Media.kind == "upload", Media.uploaded_at.is_(None))
    return tx.scalars(query.where(Media.created_at > after).order_by(Media.sequence.desc()).limit(limit)).all()


def uploads_due(
    tx: Session,
    expected: Sequence[tuple[datetime, datetime]],
    last: Sequence[tuple[datetime, datetime]],
    limit: int,
    *,
    excluded: Select[str],
) -> Sequence[Media]:
    """Return the uploads whose row was made in one of the windows: in `expected` only those that no one has seen yet,
    in `last` all."""

    def made_in(windows: Sequence[tuple[datetime, datetime]]) -> ColumnElement[bool]:
        return or_(*((Media.created_at > begin) & (Media.created_at <= end) for begin, end in windows))

    query = select(Media).where(Media.kind == "upload", Media.key.not_in(excluded))
    query = query.where((made_in(expected) & Media.uploaded_at.is_(None)) | made_in(last))
    return tx.scalars(query.order_by(Media.sequence).limit(limit)).all()


def known_keys(tx: Session, keys: Collection[str]) -> set[str]:
    """Return those of `keys` that have a row."""
    return set(tx.scalars(select(Media.key).where(Media.key.in_(keys))))


def known_profiles(tx: Session, profile_ids: Collection[str]) -> set[str]:
    """Return those of the ids that are profiles, also erased ones."""
    return set(tx.scalars(select(Profile.id).where(Profile.id.in_(profile_ids))))


def unfinished_speech(tx: Session, before: datetime, limit: int, *, excluded: Select[str]) -> Sequence[Media]:
    """Return speech and subtitles that were begun before a moment and not finished."""
    query = select(Media).where(Media.kind.in_(_MADE), Media.uploaded_at.is_(None), Media.created_at < before)
    return tx.scalars(query.where(Media.key.not_in(excluded)).order_by(Media.sequence).limit(limit)).all()


def all_of_profile(tx: Session, profile_id: str) -> Sequence[Media]:
    return tx.scalars(select(Media).where(Media.profile_id == profile_id).order_by(Media.sequence)).all()


def totals(tx: Session, profile_id: str) -> dict[str, tuple[int, int]]:
    """Return the number of complete files and their bytes, by kind."""
    size = func.coalesce(func.sum(Media.size_bytes), 0)
    query = select(Media.kind, func.count(), size).where(Media.profile_id == profile_id)
    rows = tx.execute(query.where(Media.uploaded_at.is_not(None)).group_by(Media.kind))
    return {kind: (count, int(total or 0)) for kind, count, total in rows}


def remove(tx: Session, key: str) -> None:
    tx.execute(delete(Media).where(Media.key == key))


def _stored_of(profile_id: str) -> tuple[ColumnElement[bool], ...]:
    return Media.profile_id == profile_id, Media.kind.in_(("upload", *_MADE)), Media.uploaded_at.is_not(None)
