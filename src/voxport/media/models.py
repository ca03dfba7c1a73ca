"""Table of the files that a profile owns."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class Media(Base):
    """A stored file, or an upload that is still expected (`uploaded_at` is null).

    `kind` is `upload`, `speech`, `subtitles` or `document`. While `size_bytes` is null, the row counts `reserved_bytes`
    against the profile's quota.
    """

    __tablename__ = "media"
    __table_args__ = (
        Index("ix_media_kind_created_at", "kind", "created_at"),
        Index("ix_media_profile_id_sequence", "profile_id", "sequence"),
        Index(
            "ix_media_unfinished",
            "kind",
            "created_at",
            sqlite_where=text("uploaded_at IS NULL"),
            postgresql_where=text("uploaded_at IS NULL"),
        ),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(512), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    kind: Mapped[str] = mapped_column(String(16))
    content_type: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    reserved_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    uploaded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MediaTotal(Base):
    """The bytes of a profile's rows in `media`, reservations included. Triggers of the database keep it."""

    __tablename__ = "media_totals"
    __table_args__ = {"info": {"is_derived": True}}  # noqa: RUF012  # as SQLAlchemy reads it

    profile_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
