"""The table of leases, which Postgres alone uses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, UtcDateTime


class LeaseRow(Base):
    """A lease. `token` is its holder's, a new one for each process; `expires_at` is by the clock of the database."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    token: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
