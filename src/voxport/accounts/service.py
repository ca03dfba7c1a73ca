"""Manages profiles and their API keys, and authenticates callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from voxport.accounts import keys, repository
from voxport.accounts.models import ApiKey, Profile
from voxport.audit.service import GATEWAY, Actor, record
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, VoxportError
from voxport.ids import new_id
from voxport.paging import Page, build_page, decode_cursor
from voxport.secret import Secret
from voxport.settings import Settings


@dataclass(frozen=True)
class Principal:
    """The caller of a request."""

    profile_id: str
    key_id: str


@dataclass(frozen=True)
class Rotated:
    """The key that replaces a rotated one: its row and the key itself, which is not stored. The old one works until
    `old_key_expires_at`."""

    row: ApiKey
    key: str
    old_key_expires_at: datetime


class Accounts:
    def __init__(self, database: Database, secret: Secret, settings: Settings) -> None:
        self._database = database
        self._hash_key = secret.key_for("api-keys")
        self._max_keys = settings.keys_per_profile
        self._rotation_period = timedelta(hours=settings.key_rotation_hours)

    def authenticate(self, key: str) -> Principal:
        """Return the caller that the key belongs to. Raises Unauthenticated, Forbidden (the profile is suspended).

        The lookup compares keyed hashes in an index, so its timing reveals nothing about existing keys.
        """
        with self._database.statements() as tx:
            found = repository.key_by_digest(tx, keys.digest(key, self._hash_key), now())
        if found is None:
            if key.startswith("vxp_") and not keys.is_well_formed(key):
                raise Unauthenticated("The API key is mistyped or cut: its checksum is wrong. Copy it again.")
            raise Unauthenticated("The API key is not known here. Make one with `voxport admin keys create PROFILE`.")
        _require_valid_key(found)
        return Principal(found.profile_id, found.key_id)

    def require_valid_key(self, caller: Principal) -> None:
        """Check that a caller's key is still valid. Raises Unauthenticated, Forbidden."""
        with self._database.snapshot() as tx:
            found = repository.key_by_id(tx, caller.key_id, now())
        if found is None:
            raise _key_revoked()
        _require_valid_key(found)

    # Profiles

    def create_profile(self, tx: Session, name: str, *, actor: Actor = GATEWAY) -> Profile:
        if not name.strip() or len(name) > 200:
            raise Invalid("A profile's name has 1 to 200 characters.")
        profile = Profile(id=new_id("prof", 16), name=name.strip(), state="active", created_at=now())
        tx.add(profile)
        tx.flush()
        record(tx, "profile.create", actor=actor, profile_id=profile.id)
        return profile

    def list_profiles(self, state: str | None = None) -> list[Profile]:
        with self._database.snapshot() as tx:
            return list(repository.profiles(tx, state))

    def profiles_page(self, *, limit: int, cursor: str | None) -> Page[Profile]:
        """Return a page of the profiles, newest first."""
        with self._database.snapshot() as tx:
            rows = repository.page(tx, decode_cursor(cursor), limit + 1)
        return build_page(list(rows), limit, lambda row: row.sequence)

    def is_empty(self, tx: Session) -> bool:
        return repository.count_profiles(tx) == 0

    def require_profile(self, tx: Session, profile_id: str, *, lock: bool = False) -> Profile:
        """Return the profile; `lock` as in `repository.profile`. Raises NotFound."""
        profile = repository.profile(tx, profile_id, lock=lock)
        if profile is None:
            raise NotFound(
                f"There is no profile {profile_id}. `voxport admin profiles list` shows them.",
                code="profile_not_found",
            )
        return profile

    def suspend(self, tx: Session, profile_id: str, *, actor: Actor) -> bool:
        """Refuse the profile's keys from now on; running jobs continue. Returns False if it was suspended before.
        Raises NotFound, Conflict."""
        return self._change_state(tx, profile_id, "active", "suspended", actor)

    def resume(self, tx: Session, profile_id: str, *, actor: Actor) -> bool:
        """Accept the profile's keys again. Returns False if it was active before. Raises NotFound, Conflict."""
        return self._change_state(tx, profile_id, "suspended", "active", actor)

    def begin_erasure(self, tx: Session, profile_id: str, *, actor: Actor) -> Profile:
        """Mark the profile as `erasing`: its keys stop working, and nothing new can begin. Raises NotFound."""
        self.require_profile(tx, profile_id, lock=True)
        if repository.change_state(tx, profile_id, ("active", "suspended"), "erasing"):
            repository.anonymize(tx, profile_id, now())
            record(tx, "profile.erase", actor=actor, profile_id=profile_id)
        return self.require_profile(tx, profile_id)

    def end_erasure(self, tx: Session, profile_id: str) -> bool:
        """Mark the profile as `erased`, once its data is removed. Returns False if it was marked before."""
        is_end = repository.change_state(tx, profile_id, ("erasing",), "erased")
        if is_end:
            record(tx, "profile.erased", actor=GATEWAY, profile_id=profile_id)
        return is_end

    # Keys

    def create_key(
        self,
        tx: Session,
        profile_id: str,
        name: str,
        *,
        key: str | None = None,
        made_with: str | None = None,
        actor: Actor = GATEWAY,
    ) -> tuple[ApiKey, str]:
        """Create a key, which is `key` if given. `made_with` is the id of the caller's key: if that expires, the new
        one expires with it. Returns its row and the key itself, which is not stored. Raises NotFound, Invalid, Conflict
        (the profile is erased, or has the maximum number of keys)."""
        self._require_not_erased(tx, profile_id)
        if len(repository.non_expiring_keys(tx, profile_id)) >= self._max_keys:
            raise Conflict(
                f"A profile has at most {self._max_keys} keys. Revoke one that is not used any more.",
                code="too_many_keys",
                details={"most": self._max_keys},
            )
        row, secret = self._new_key(tx, profile_id, name, key)
        row.expires_at = self._end_of(tx, made_with)
        tx.flush()
        record(tx, "key.create", actor=actor, profile_id=profile_id, subject=row.id)
        return row, secret

    def create_session_key(
        self, tx: Session, profile_id: str, name: str, lifetime: timedelta, *, actor: Actor
    ) -> tuple[ApiKey, str]:
        """Create a key that expires, for a browser that was signed in. It does not count towards the maximum number of
        keys. Returns its row and the key itself. Raises NotFound, Conflict (the profile is erased)."""
        self._require_not_erased(tx, profile_id)
        row, secret = self._new_key(tx, profile_id, name, None)
        row.expires_at = now() + lifetime
        tx.flush()
        record(tx, "key.create", actor=actor, profile_id=profile_id, subject=row.id)
        return row, secret

    def rotate_key(
        self,
        tx: Session,
        key_id: str,
        *,
        actor: Actor,
        profile_id: str | None = None,
        made_with: str | None = None,
        at_once: bool = False,
    ) -> Rotated:
        """Replace a key by a new one. The old one works for VOXPORT_KEY_ROTATION_HOURS, or is revoked `at_once`.
        `profile_id` and `made_with` (the id of a key, which must not expire) are the caller's, if the caller is a
        customer. Raises NotFound, Conflict."""
        old = self._require_key(tx, key_id, profile_id)
        self._require_not_erased(tx, old.profile_id)
        if key_id not in repository.non_expiring_keys(tx, old.profile_id):
            raise Conflict("This key is revoked or was rotated before. Make a new one.", code="key_not_rotatable")
        if self._end_of(tx, made_with) is not None:  # its holder would get a key that works longer
            raise Conflict(
                "Your own key expires, so it can't rotate one that does not. Use the key itself, or "
                "`voxport admin keys rotate KEY`.",
                code="key_not_rotatable",
            )
        row, secret = self._new_key(tx, old.profile_id, old.name, None)
        until = now() if at_once else now() + self._rotation_period
        if at_once:
            repository.revoke(tx, key_id, until)
        else:
            repository.expire(tx, key_id, until)
        record(
            tx, "key.rotate", actor=actor, profile_id=old.profile_id, subject=key_id, successor=row.id, at_once=at_once
        )
        return Rotated(row, secret, until)

    def revoke_key(self, tx: Session, key_id: str, *, actor: Actor = GATEWAY, profile_id: str | None = None) -> bool:
        """Revoke a key. Returns False if it was revoked before. A customer (`profile_id`) can't revoke their last key,
        since only the operator could make another one. Raises NotFound, Conflict."""
        key = self._require_key(tx, key_id, profile_id)
        if profile_id is not None:
            self.require_profile(tx, profile_id, lock=True)
            if repository.non_expiring_keys(tx, profile_id) == {key_id}:
                raise Conflict(
                    "This is your last key: without it nothing could be called. Rotate it, or make another one first.",
                    code="last_key",
                )
        is_revoked = repository.revoke(tx, key_id, now())
        if is_revoked:
            record(tx, "key.revoke", actor=actor, profile_id=key.profile_id, subject=key_id)
        return is_revoked

    def list_keys(self, profile_id: str | None = None) -> list[ApiKey]:
        with self._database.snapshot() as tx:
            if profile_id is not None:
                self.require_profile(tx, profile_id)
            return list(repository.keys(tx, profile_id))

    def _new_key(self, tx: Session, profile_id: str, name: str, key: str | None) -> tuple[ApiKey, str]:
        if key is not None and not keys.is_bootstrap_key(key):
            raise Invalid("An API key is `vxp_` and 16 to 128 letters, digits, `_` or `-`.")
        secret = key or keys.new_key()
        row = ApiKey(
            id=new_id("key", 12),
            profile_id=profile_id,
            name=name,
            hint=secret[:8],
            digest=keys.digest(secret, self._hash_key),
            created_at=now(),
            revoked_at=None,
            expires_at=None,
        )
        tx.add(row)
        tx.flush()
        return row, secret

    def _end_of(self, tx: Session, key_id: str | None) -> datetime | None:
        key = None if key_id is None else repository.key(tx, key_id)
        return None if key is None else key.expires_at

    def _require_key(self, tx: Session, key_id: str, profile_id: str | None) -> ApiKey:
        key = repository.key(tx, key_id)
        if key is None or profile_id not in (None, key.profile_id):
            where = "`voxport admin keys list`" if profile_id is None else "GET /v2/keys"
            raise NotFound(f"There is no key {key_id[:64]}. {where} shows the keys.", code="key_not_found")
        return key

    def _require_not_erased(self, tx: Session, profile_id: str) -> None:
        if self.require_profile(tx, profile_id, lock=True).state in ("erasing", "erased"):
            raise _profile_erased(profile_id)

    def _change_state(self, tx: Session, profile_id: str, old_state: str, state: str, actor: Actor) -> bool:
        self._require_not_erased(tx, profile_id)
        is_changed = repository.change_state(tx, profile_id, (old_state,), state)
        if is_changed:
            record(
                tx, "profile.suspend" if state == "suspended" else "profile.resume", actor=actor, profile_id=profile_id
            )
        return is_changed


def require_active(tx: Session, profile_id: str) -> None:
    """Check that the profile may start something new, and lock its state, which may have changed since the key was
    checked: a suspension or erasure comes before or after the whole transaction. To avoid deadlocks, call it after
    locking the balance. Raises Forbidden, Unauthenticated."""
    state = repository.locked_state(tx, profile_id)
    if state not in ("active", None):
        raise _profile_inactive(state)


def lock_profile(tx: Session, profile_id: str) -> str | None:
    """Lock a profile until the end of the transaction and return its state, or None if there is none. All who lock one
    do it here, with a lock that lets others write rows that refer to the profile: a stronger one would make each such
    row wait, and deadlock with whoever wrote one first and then waits for the profile."""
    return repository.locked_state(tx, profile_id)


def key_ids(tx: Session, profile_id: str) -> Sequence[str]:
    """Return the ids of all API keys that the profile has ever had."""
    return repository.key_ids(tx, profile_id)


def _require_valid_key(key: repository.KeyState) -> None:
    """Raises Unauthenticated, Forbidden."""
    if key.is_revoked:
        raise _key_revoked()
    if key.has_expired:
        raise Unauthenticated(
            "The API key has expired: it was rotated, so use the one that replaced it; or it signed a browser in, so "
            "sign in again.",
            code="key_revoked",
        )
    if key.profile_state != "active":
        raise _profile_inactive(key.profile_state)


def _key_revoked() -> Unauthenticated:
    return Unauthenticated("The API key was revoked. Use another one.", code="key_revoked")


def _profile_inactive(state: str) -> VoxportError:
    if state == "suspended":
        return Forbidden("This profile is suspended. Ask the operator of this gateway.", code="profile_suspended")
    return _key_revoked()


def _profile_erased(profile_id: str) -> Conflict:
    return Conflict(f"The profile {profile_id} is erased, or about to be.", code="profile_erased")
