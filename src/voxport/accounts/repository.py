"""SQL of profiles and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from voxport.accounts.models import ApiKey, Profile
from voxport.db.session import changed


def count_profiles(tx: Session) -> int:
    return tx.scalar(select(func.count()).select_from(Profile)) or 0


def profiles(tx: Session) -> Sequence[Profile]:
    return tx.scalars(select(Profile).order_by(Profile.sequence)).all()


def profile(tx: Session, profile_id: str) -> Profile | None:
    return tx.scalar(select(Profile).where(Profile.id == profile_id))


def keys(tx: Session, profile_id: str | None) -> Sequence[ApiKey]:
    query = select(ApiKey).order_by(ApiKey.sequence)
    return tx.scalars(query if profile_id is None else query.where(ApiKey.profile_id == profile_id)).all()


def key_by_digest(tx: Session, digest: str) -> ApiKey | None:
    return tx.scalar(select(ApiKey).where(ApiKey.digest == digest))


def revoke(tx: Session, key_id: str, moment: datetime) -> bool:
    """True where the key was alive until now."""
    return changed(tx, update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)).values(revoked_at=moment))


def key(tx: Session, key_id: str) -> ApiKey | None:
    return tx.scalar(select(ApiKey).where(ApiKey.id == key_id))
