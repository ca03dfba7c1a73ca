"""Tables of the cloned voices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from voxport.db.base import Base, Sequence, UtcDateTime


class Voice(Base):
    """A cloned voice of one profile. `deleted_at` hides it at once; the row goes when its files have gone."""

    __tablename__ = "voices"

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(1000))
    tags: Mapped[list[str]] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(16))
    sample_key: Mapped[str] = mapped_column(String(512))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    bindings: Mapped[list[VoiceBinding]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="VoiceBinding.sequence"
    )


class VoiceBinding(Base):
    """Where a cloned voice can be spoken: its id at one provider, or the file that the provider gave for it."""

    __tablename__ = "voice_bindings"

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True)
    voice_id: Mapped[str] = mapped_column(ForeignKey("voices.id"), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    provider_voice_id: Mapped[str] = mapped_column(String(128))
    file_key: Mapped[str | None] = mapped_column(String(512))
