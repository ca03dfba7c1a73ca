"""The tables of cloned voices and mixes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class Voice(Base):
    """A cloned voice or a mix of one profile. `deleted_at` hides it at once; the row is deleted after its files.

    `recipe` is how a mix was made, as the API shows it, and null for a clone. A mix has no recording: its `sample_key`
    is empty. `pace_thousandths` is the rate that was chosen for a mix, with those of the mixes in it;
    1000 for a clone.
    """

    __tablename__ = "voices"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(1000))
    tags: Mapped[list[str]] = mapped_column(JSON)
    pronunciations: Mapped[list[str] | None] = mapped_column(JSON)
    """Ids of the dictionaries that speak where a call names none; one may be deleted since. Null of older rows."""
    language: Mapped[str] = mapped_column(String(16))
    sample_key: Mapped[str] = mapped_column(String(512))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recipe: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pace_thousandths: Mapped[int] = mapped_column(Integer, server_default=text("1000"))

    bindings: Mapped[list[VoiceBinding]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="VoiceBinding.sequence"
    )


class VoiceBinding(Base):
    """A cloned voice at one provider: its id there, or the file that the provider returned for it.

    `remote_name` is the name under which the provider was asked to create it; it changes with each `generation`. If
    `exists_remotely` is false, the voice was lost or evicted, and its next use rebuilds it from the sample. `used_at`
    is its last use by a customer, `alive_at` its last use by a customer or by the gateway's keep-alive.
    """

    __tablename__ = "voice_bindings"
    __table_args__ = (Index("ix_voice_bindings_voice_id_provider", "voice_id", "provider", unique=True),)

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    voice_id: Mapped[str] = mapped_column(ForeignKey("voices.id"), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    provider_voice_id: Mapped[str] = mapped_column(String(128))
    file_key: Mapped[str | None] = mapped_column(String(512))
    remote_name: Mapped[str] = mapped_column("made_as", String(80), server_default=text("''"))
    generation: Mapped[int] = mapped_column(Integer, server_default="0")
    exists_remotely: Mapped[bool] = mapped_column("is_bound", Boolean, server_default=true())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alive_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MixSource(Base):
    """A clone that is in a mix, by itself or in a mix of it. The clone can't be deleted without the mix."""

    __tablename__ = "voice_mix_sources"
    __table_args__ = (
        Index("ix_voice_mix_sources_mix_id_clone_id", "mix_id", "clone_id", unique=True),
        Index("ix_voice_mix_sources_clone_id", "clone_id"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    mix_id: Mapped[str] = mapped_column(ForeignKey("voices.id"))
    clone_id: Mapped[str] = mapped_column(String(64))
