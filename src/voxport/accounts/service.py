"""Who calls: profiles, their keys, and the check of a key."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from voxport.accounts import keys, repository
from voxport.accounts.models import ApiKey, Profile
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Invalid, NotFound, Unauthenticated
from voxport.ids import new_id
from voxport.secret import Secret


@dataclass(frozen=True)
class Principal:
    """The caller of a request."""

    profile_id: str
    key_id: str


class Accounts:
    def __init__(self, database: Database, secret: Secret) -> None:
        self._database = database
        self._hash_key = secret.key_for("api-keys")

    def authenticate(self, key: str) -> Principal:
        """The profile that the key belongs to. Raises Unauthenticated.

        The look-up compares keyed hashes in an index, so its time tells nothing about the keys that exist.
        """
        with self._database.snapshot() as tx:
            row = repository.key_by_digest(tx, keys.digest(key, self._hash_key))
        if row is None:
            if key.startswith("vxp_") and not keys.is_well_formed(key):
                raise Unauthenticated("The API key is mistyped or cut: its checksum is wrong. Copy it again.")
            raise Unauthenticated("The API key is not known here. Make one with `voxport keys create PROFILE`.")
        if row.revoked_at is not None:
            raise Unauthenticated("The API key was revoked. Use another one.", code="key_revoked")
        return Principal(row.profile_id, row.id)

    def create_profile(self, tx: Session, name: str) -> Profile:
        if not name.strip() or len(name) > 200:
            raise Invalid("A profile's name has 1 to 200 characters.")
        profile = Profile(id=new_id("prof", 16), name=name.strip(), created_at=now())
        tx.add(profile)
        tx.flush()
        return profile

    def create_key(self, tx: Session, profile_id: str, name: str, *, key: str | None = None) -> tuple[ApiKey, str]:
        """A new key of the profile: its row and, this once, the key itself. `key` chooses it."""
        self.require_profile(tx, profile_id)
        if key is not None and not keys.may_bootstrap(key):
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
        )
        tx.add(row)
        tx.flush()
        return row, secret

    def revoke_key(self, tx: Session, key_id: str) -> bool:
        """Revoke a key; False where it was revoked before. Raises NotFound."""
        if repository.key(tx, key_id) is None:
            raise NotFound(f"There is no key {key_id}. `voxport keys list` shows the keys.", code="key_not_found")
        return repository.revoke(tx, key_id, now())

    def list_profiles(self) -> list[Profile]:
        with self._database.snapshot() as tx:
            return list(repository.profiles(tx))

    def list_keys(self, profile_id: str | None = None) -> list[ApiKey]:
        with self._database.snapshot() as tx:
            if profile_id is not None:
                self.require_profile(tx, profile_id)
            return list(repository.keys(tx, profile_id))

    def is_empty(self, tx: Session) -> bool:
        return repository.count_profiles(tx) == 0

    def require_profile(self, tx: Session, profile_id: str) -> Profile:
        profile = repository.profile(tx, profile_id)
        if profile is None:
            raise NotFound(
                f"There is no profile {profile_id}. `voxport profiles list` shows them.",
                code="profile_not_found",
            )
        return profile
