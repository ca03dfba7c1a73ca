"""SQL queries for profiles and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, false, func, select, update
from sqlalchemy.orm import Session

from voxport.accounts.models import ApiKey, Profile
from voxport.db.prepared import Prepared, Runner
from voxport.db.session import update_one


class KeyState(NamedTuple):
    """A key, and whether it may be used now. `has_expired`: its time has passed."""

    key_id: str
    profile_id: str
    profile_state: str
    is_revoked: bool
    has_expired: bool


_STATE = select(
    ApiKey.id,
    ApiKey.profile_id,
    Profile.state,
    ApiKey.revoked_at.is_not(None),
    func.coalesce(ApiKey.expires_at <= bindparam("moment", type_=ApiKey.expires_at.type), false()),
).join(Profile, Profile.id == ApiKey.profile_id)
_KEY_BY_DIGEST = Prepared(_STATE.where(ApiKey.digest == bindparam("digest")))
_KEY_BY_ID = Prepared(_STATE.where(ApiKey.id == bindparam("key_id")))
_LOCKED_STATE = Prepared(
    select(Profile.state).where(Profile.id == bindparam("profile_id")).with_for_update(key_share=True)
)


def count_profiles(tx: Session) -> int:
    return tx.scalar(select(func.count()).select_from(Profile)) or 0


def profiles(tx: Session, state: str | None = None) -> Sequence[Profile]:
    query = select(Profile).order_by(Profile.sequence)
    return tx.scalars(query if state is None else query.where(Profile.state == state)).all()


def page(tx: Session, before: int | None, limit: int) -> Sequence[Profile]:
    query = select(Profile).order_by(Profile.sequence.desc()).limit(limit)
    return tx.scalars(query if before is None else query.where(Profile.sequence < before)).all()


def profile(tx: Session, profile_id: str, *, lock: bool = False) -> Profile | None:
    """Return the profile. `lock` keeps others from changing it, and from adding or ending its keys, until the end of
    the transaction."""
    query = select(Profile).where(Profile.id == profile_id).execution_options(populate_existing=True)
    return tx.scalar(query.with_for_update(key_share=True) if lock else query)


def locked_state(tx: Session, profile_id: str) -> str | None:
    """Return the profile's state, and lock it until the end of the transaction."""
    row = _LOCKED_STATE.first(tx, profile_id=profile_id)
    return None if row is None else row[0]


def change_state(tx: Session, profile_id: str, old_states: Sequence[str], state: str) -> bool:
    return update_one(
        tx, update(Profile).where(Profile.id == profile_id, Profile.state.in_(old_states)).values(state=state)
    )


def anonymize(tx: Session, profile_id: str, moment: datetime) -> None:
    """Remove personal data from a profile and its keys, and revoke the keys."""
    tx.execute(update(Profile).where(Profile.id == profile_id).values(name=""))
    of_profile = ApiKey.profile_id == profile_id
    tx.execute(update(ApiKey).where(of_profile, ApiKey.revoked_at.is_(None)).values(revoked_at=moment))
    tx.execute(update(ApiKey).where(of_profile).values(name="", hint="", digest=ApiKey.id))


def keys(tx: Session, profile_id: str | None) -> Sequence[ApiKey]:
    query = select(ApiKey).order_by(ApiKey.sequence)
    return tx.scalars(query if profile_id is None else query.where(ApiKey.profile_id == profile_id)).all()


def key_ids(tx: Session, profile_id: str) -> Sequence[str]:
    return tx.scalars(select(ApiKey.id).where(ApiKey.profile_id == profile_id)).all()


def non_expiring_keys(tx: Session, profile_id: str) -> set[str]:
    """Return the ids of the keys that are neither revoked nor rotated."""
    query = select(ApiKey.id).where(ApiKey.profile_id == profile_id)
    return set(tx.scalars(query.where(ApiKey.revoked_at.is_(None), ApiKey.expires_at.is_(None))))


def key_by_digest(tx: Runner, digest: str, moment: datetime) -> KeyState | None:
    """Find a key by its digest, and its state at this moment."""
    row = _KEY_BY_DIGEST.first(tx, digest=digest, moment=moment)
    return None if row is None else KeyState(*row)


def key_by_id(tx: Session, key_id: str, moment: datetime) -> KeyState | None:
    """Find a key by its id, and its state at this moment."""
    row = _KEY_BY_ID.first(tx, key_id=key_id, moment=moment)
    return None if row is None else KeyState(*row)


def revoke(tx: Session, key_id: str, moment: datetime) -> bool:
    """Revoke a key. Returns False if it was revoked before."""
    return update_one(
        tx, update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)).values(revoked_at=moment)
    )


def expire(tx: Session, key_id: str, moment: datetime) -> None:
    tx.execute(update(ApiKey).where(ApiKey.id == key_id).values(expires_at=moment))


def key(tx: Session, key_id: str) -> ApiKey | None:
    return tx.scalar(select(ApiKey).where(ApiKey.id == key_id).execution_options(populate_existing=True))
