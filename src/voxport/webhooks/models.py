"""Tables of webhook deliveries, their attempts, the signing secrets and the low-credit alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class WebhookDelivery(Base):
    """One message to one URL; its id is the `webhook-id` of every attempt.

    `state` is pending → sending → delivered, failed, or pending again. `next_at` is when the message is due; while it
    is `sending`, when its sender is presumed dead. `tries` counts the attempts since it was created or resent by its
    owner, `attempt_count` all of them. The payload is the job at the time of sending, or `data`.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_state_next_at", "state", "next_at"),
        Index("ix_webhook_deliveries_profile_id_sequence", "profile_id", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    type: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    url: Mapped[str] = mapped_column(String(2048))
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(Integer)
    attempt_count: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class WebhookAttempt(Base):
    """The outcome of one attempt: the receiver's HTTP status, or the error."""

    __tablename__ = "webhook_attempts"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(200))
    ms: Mapped[int] = mapped_column(Integer)


class WebhookSecret(Base):
    """The salt of a signing secret. The secret is derived from it and the gateway's secret, so the database alone can't
    sign. A profile's current secret has no `expires_at`; the replaced ones sign until theirs."""

    __tablename__ = "webhook_secrets"
    __table_args__ = (
        Index(
            "ix_webhook_secrets_current",
            "profile_id",
            unique=True,
            sqlite_where=text("expires_at IS NULL"),
            postgresql_where=text("expires_at IS NULL"),
        ),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    salt: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class BalanceAlert(Base):
    """A profile's low-credit alert: its threshold `below` in micro-tokens, and its URL. Disarmed after it is sent,
    until a top-up lifts the balance again."""

    __tablename__ = "balance_alerts"

    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    below: Mapped[int] = mapped_column(BigInteger)
    webhook_url: Mapped[str] = mapped_column(String(2048))
    is_armed: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
