"""The tables by which processes on several hosts share what is in files where all are on one. Rows are of no use once
no process runs. SQLite databases have the tables, and use none of them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base


class SharedState(Base):
    """A document of `PostgresStates`. `version` counts its changes."""

    __tablename__ = "shared_states"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[dict[str, object]] = mapped_column(JSON)


class RateLimitBucket(Base):
    """A token bucket of `PostgresTokens`. `full_at` is when it is full again, in seconds since 1970 by the database's
    clock. The other columns are of the last request: tokens a second, tokens at most, tokens counted and granted."""

    __tablename__ = "rate_limit_buckets"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    full_at: Mapped[float] = mapped_column(Float(53))
    rate: Mapped[float] = mapped_column(Float(53))
    burst: Mapped[float] = mapped_column(Float(53))
    spent: Mapped[float] = mapped_column(Float(53))
    granted: Mapped[float] = mapped_column(Float(53))
