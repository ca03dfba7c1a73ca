"""Table of stored responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class StoredResponse(Base):
    """A billed call with an Idempotency-Key, inserted in the transaction of its hold.

    `scope` is the hash of profile, method, path and Idempotency-Key; `fingerprint` that of the request. `state` is
    `open` until there is a response; the hold tells whether the call is in progress or failed. Then it is `answered`,
    or `consumed` if the response can't be replayed. JSON is in `body`; audio is in storage under `file_key`, which is
    chosen beforehand.
    """

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created_at", "created_at"),)

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    request_id: Mapped[str] = mapped_column(String(64))
    hold_id: Mapped[str] = mapped_column(ForeignKey("holds.id"), index=True)
    job_id: Mapped[str | None] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(16))
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    file_key: Mapped[str] = mapped_column(String(512))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
