"""Table of the items that a sweep could not finish."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class SweepFailure(Base):
    """An item that failed in a sweep; deleted once it succeeds. `item` is its id within the task. `error` is a message
    of the gateway or the exception's type, never text from a provider or a customer."""

    __tablename__ = "sweep_failures"
    __table_args__ = (Index("ix_sweep_failures_task_item", "task", "item", unique=True),)

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    task: Mapped[str] = mapped_column(String(32))
    item: Mapped[str] = mapped_column(String(512))
    failures: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(String(200))
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
