"""Database tables of the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey


class AuditEntry(Base):
    """One action. Append-only: triggers refuse UPDATE and DELETE.

    `sequence` has no gaps. `at` is text, so that the hashed value is the stored one. `actor` is a key's id, `admin`,
    `cli` or `gateway`; `subject` is the id of the object of the action. No row contains secrets, texts or names.
    """

    __tablename__ = "audit_log"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    profile_id: Mapped[str | None] = mapped_column(String(64), index=True)
    subject: Mapped[str | None] = mapped_column(String(512))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The single row with the end of the chain. Appending locks it, so that the chain never forks."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
