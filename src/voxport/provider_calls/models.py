"""Table of the intents."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class ProviderCall(Base):
    """A paid call that is meant to be made. A row that came to its end as it should is removed.

    `kind`: `clone` and `binding` (of a job), `instant`, `rebuild` and `room` (a voice that is given back), whose
    `voice_id` is the name under which the provider was asked to make the voice; `speech`, whose `voice_id` is the
    voice that speaks.

    `state`: `open` → gone, or `removing` (a voice is to be removed at the provider) → gone, or `unknown` (nobody
    knows whether it was done; the hold is kept) → `lost` (the hold was given back, the provider may have been paid).
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
    # The lease of the process that makes the call; a job's intent has none: it outlives processes.
    owner: Mapped[str | None] = mapped_column(String(64))
    # Of a job's speech: which piece is being spoken.
    part: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), index=True)
    # What the customer got back of it, in micro-tokens.
    released: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
