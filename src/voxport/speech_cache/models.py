"""Table of the cached speech, and what is read from it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class CachedSpeech(Base):
    """A stored file that answers calls with this digest. The database deletes the row with the file's row.

    Two calls at once may add two rows with one digest; the newest counts. `milliseconds` is the audio's billed length.
    `voice_id` is the gateway's id of the voice.
    """

    __tablename__ = "speech_cache"
    __table_args__ = (
        Index("ix_speech_cache_digest_created_at", "digest", "created_at"),
        Index("ix_speech_cache_file_key", "file_key"),
        Index("ix_speech_cache_profile_id_voice_id", "profile_id", "voice_id"),
        Index("ix_speech_cache_created_at", "created_at"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    voice_id: Mapped[str] = mapped_column(String(128))
    file_key: Mapped[str] = mapped_column(ForeignKey("media.key", ondelete="CASCADE"))
    milliseconds: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CachedFile(NamedTuple):
    """A file that answers a call: its storage key, its size as it was stored, and the audio's billed length."""

    key: str
    size_bytes: int
    milliseconds: int
