"""Table of the audio of lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class LineAudio(Base):
    """The spoken audio of lines with this digest, in storage under `key`, in which `voice_ids` are heard: each between
    line feeds. A line that no completed job has charged for yet is not `is_paid`: the next job that uses it charges for
    it, without speaking it again."""

    __tablename__ = "line_audio"
    __table_args__ = (
        Index("ix_line_audio_profile_id_digest", "profile_id", "digest", unique=True),
        Index("ix_line_audio_used_at", "used_at"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    digest: Mapped[str] = mapped_column(String(64))
    voice_ids: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(255))
    samples: Mapped[int] = mapped_column(Integer)
    is_paid: Mapped[bool] = mapped_column(Boolean)
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
