"""Tables of balances, holds and the ledger. All amounts are whole micro-tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey, UtcDateTime


class Balance(Base):
    """The sums of a profile's ledger and open holds, stored so that one guarded UPDATE can reserve credits."""

    __tablename__ = "balances"
    __table_args__ = (
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("credits >= held", name="never_below_zero"),
    )

    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    credits: Mapped[int] = mapped_column(BigInteger, default=0)
    held: Mapped[int] = mapped_column(BigInteger, default=0)


class Hold(Base):
    """A reservation of credits, settled once: `open` → `captured` or `released`."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("captured >= 0 AND captured <= amount", name="captured_within_amount"),
        CheckConstraint("refunded >= 0 AND refunded <= captured", name="refunded_within_captured"),
        Index("ix_holds_state_owner", "state", "owner"),
        Index("ix_holds_profile_id_service_created_at", "profile_id", "service", "created_at"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    service: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64), index=True)
    job_id: Mapped[str | None] = mapped_column(String(64))
    # Name of the lease of the process that serves the call; None for a job's hold.
    owner: Mapped[str | None] = mapped_column(String(64))
    # The usage report groups by these.
    key_id: Mapped[str | None] = mapped_column(String(64))
    voice_id: Mapped[str | None] = mapped_column(String(128))
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger, default=0)
    # The refunded part of `captured`, raised by a guarded UPDATE so that it never exceeds it.
    refunded: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LedgerTransaction(Base):
    """One movement of a profile's credits. Append-only: triggers refuse UPDATE and DELETE."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        Index("ix_ledger_transactions_profile_id_reference", "profile_id", "reference", unique=True),
        Index("ix_ledger_transactions_profile_id_sequence", "profile_id", "sequence"),
        Index("ix_ledger_transactions_profile_id_kind_created_at", "profile_id", "kind", "created_at"),
    )

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    service: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64), index=True)
    job_id: Mapped[str | None] = mapped_column(String(64))
    # Unique, so that the database refuses a second charge of one hold.
    hold_id: Mapped[str | None] = mapped_column(ForeignKey("holds.id"), unique=True)
    micro_units: Mapped[int | None] = mapped_column(BigInteger)
    tokens: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str | None] = mapped_column(String(500))
    # The operator's id of a booking. Repeating it books nothing.
    reference: Mapped[str | None] = mapped_column(String(100))
    # For a refund: the id of the charge.
    refund_of: Mapped[str | None] = mapped_column(String(64), index=True)


class LedgerEntry(Base):
    """One side of a movement; the entries of a transaction sum to zero. Append-only.

    Accounts: `customer:prof_…` (the customer's credits), `issued` (credits that the operator gave out),
    `revenue` (charges less refunds).
    """

    __tablename__ = "ledger_entries"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    transaction_id: Mapped[str] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str] = mapped_column(String(128), index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
