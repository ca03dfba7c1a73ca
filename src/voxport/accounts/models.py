"""Database tables of profiles and keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class Profile(Base):
    """A customer's account. `state` is `active`, `suspended`, `erasing` (its keys are revoked and its data is being
    removed) or `erased` (only this row remains, for the ledger)."""

    __tablename__ = "profiles"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'active'"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(Base):
    """An API key. `digest` is the keyed hash of the whole key; `hint` its first characters, to tell keys apart in a
    list. A key that was rotated, or that signed a browser in, is refused after `expires_at`."""

    __tablename__ = "api_keys"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    hint: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
