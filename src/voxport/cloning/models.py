"""Table of consents to clones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class ConsentRecord(Base):
    """A granted consent: by whom, for what, in which words. The record outlives the voice; erasing its profile clears
    `speaker` and `words` (docs/decisions/0034)."""

    __tablename__ = "consents"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(64))
    service: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str | None] = mapped_column(String(64))
    voice_id: Mapped[str | None] = mapped_column(String(64), index=True)
    speaker: Mapped[str] = mapped_column(String(200))
    words: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
