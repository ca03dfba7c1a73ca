"""Table of the checks of the ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, Integer
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class LedgerCheck(Base):
    """The result of one check by the worker. The HTTP processes read the newest row for their metrics."""

    __tablename__ = "ledger_checks"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(Float)
    problems: Mapped[int] = mapped_column(Integer)
