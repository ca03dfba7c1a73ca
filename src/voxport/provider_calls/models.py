"""The table of paid provider calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class ProviderCall(Base):
    """A paid call that is about to be made or under way. The row is deleted when the call ends normally.

    `kind`: `clone` and `binding` (of a job), `instant`, `rebuild` and `room` (the eviction of a voice): `voice_id` is
    the name under which the provider was asked to create the voice. `speech`: `voice_id` is the voice that speaks.

    `state`: `open` → deleted, or `removing` (a voice has to be deleted at the provider) → deleted, or `unknown` (the
    outcome is not known; the hold is kept) → `lost` (the hold was released; the provider may have been paid).
    """

    __tablename__ = "intents"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(32))
    voice_id: Mapped[str] = mapped_column(String(128))
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    hold_id: Mapped[str | None] = mapped_column(ForeignKey("holds.id"))
    job_id: Mapped[str | None] = mapped_column(String(36), index=True)
    # The lease of the process that makes the call. None for a job's call, which outlives processes.
    owner: Mapped[str | None] = mapped_column(String(64))
    # For a job's speech: the number of the piece under way.
    part: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), index=True)
    # Amount released to the customer, in micro-tokens.
    released: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
