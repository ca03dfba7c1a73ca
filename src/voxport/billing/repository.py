"""SQL of balances, holds and the ledger. Every change of a balance is one guarded UPDATE."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Row,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from voxport.billing.models import Balance, Hold, LedgerEntry, LedgerTransaction
from voxport.db.base import UtcDay
from voxport.db.prepared import Prepared
from voxport.db.session import update_one


class HeldAmount(NamedTuple):
    """What a hold reserves, in micro-tokens, and for what."""

    id: str
    profile_id: str
    service: str
    request_id: str
    job_id: str | None
    amount: int
    state: str
    captured: int
    refunded: int


class Sums(NamedTuple):
    """A profile's credits and what is held of them, in micro-tokens."""

    credits: int
    held: int


_SUMS = Prepared(select(Balance.credits, Balance.held).where(Balance.profile_id == bindparam("profile_id")))
_RESERVE = Prepared(
    update(Balance)
    .where(Balance.profile_id == bindparam("profile_id"), Balance.credits - Balance.held >= bindparam("amount"))
    .values(held=Balance.held + bindparam("amount"))
    .returning(Balance.credits, Balance.held)
)
_CHANGE_BALANCE = Prepared(
    update(Balance)
    .where(Balance.profile_id == bindparam("of_profile"))
    .values(credits=Balance.credits + bindparam("more_credits"), held=Balance.held + bindparam("more_held"))
    .returning(Balance.credits, Balance.held)
)
_HOLD = Prepared(select(*(getattr(Hold, name) for name in HeldAmount._fields)).where(Hold.id == bindparam("hold_id")))
_ADD_HOLD = Prepared(
    insert(Hold).values(
        {
            **{column.name: bindparam(column.name) for column in Hold.__table__.columns if column.name != "sequence"},
            "captured": 0,
            "refunded": 0,
            "state": "open",
            "settled_at": None,
        }
    )
)
_SETTLE = Prepared(
    update(Hold)
    .where(Hold.id == bindparam("hold_id"), Hold.state == "open")
    .values(state=bindparam("to_state"), captured=bindparam("charged"), settled_at=bindparam("moment"))
)
_ADD_TRANSACTION = Prepared(
    insert(LedgerTransaction).values(
        {
            column.name: bindparam(column.name)
            for column in LedgerTransaction.__table__.columns
            if column.name != "sequence"
        }
    )
)
_ADD_ENTRIES = Prepared(
    insert(LedgerEntry).values(
        [
            {
                "transaction_id": bindparam("transaction"),
                "account": bindparam(f"{side}_account"),
                "amount": bindparam(f"{side}_amount"),
            }
            for side in ("customer", "counterpart")
        ]
    )
)


def balance(tx: Session, profile_id: str) -> Sums | None:
    row = _SUMS.first(tx, profile_id=profile_id)
    return None if row is None else Sums(*row)


def ensure_balance(tx: Session, profile_id: str) -> None:
    if balance(tx, profile_id) is None:
        # Two first calls may arrive at once.
        with contextlib.suppress(IntegrityError), tx.begin_nested():
            tx.add(Balance(profile_id=profile_id, credits=0, held=0))


def reserve(tx: Session, profile_id: str, amount: int) -> Sums | None:
    """Raise `held` by `amount` if the balance covers it, and return the new sums; None if it does not."""
    row = _RESERVE.first(tx, profile_id=profile_id, amount=amount)
    return None if row is None else Sums(*row)


def add_hold(tx: Session, **columns: Any) -> None:
    """Add an open hold."""
    _ADD_HOLD.run(tx, **columns)


def settle_hold(tx: Session, hold_id: str, state: str, captured: int, moment: datetime) -> bool:
    """Close an open hold; False if it was settled before."""
    return _SETTLE.run(tx, hold_id=hold_id, to_state=state, charged=captured, moment=moment) == 1


def update_balance(tx: Session, profile_id: str, *, credits: int, held: int) -> Sums:
    """Add to the credits and the held amount of a balance; returns the new sums."""
    row = _CHANGE_BALANCE.first(tx, of_profile=profile_id, more_credits=credits, more_held=held)
    if row is None:
        raise LookupError(f"profile {profile_id} has no balance")
    return Sums(*row)


def add_transaction(tx: Session, *, account: str, counterpart: str, **columns: Any) -> None:
    """Write a movement of `tokens` and its two entries, which sum to zero."""
    _ADD_TRANSACTION.run(tx, **columns)
    _ADD_ENTRIES.run(
        tx,
        transaction=columns["id"],
        customer_account=account,
        customer_amount=columns["tokens"],
        counterpart_account=counterpart,
        counterpart_amount=-columns["tokens"],
    )


def transaction(tx: Session, ledger_id: str) -> LedgerTransaction:
    """Return a movement. Raises NoResultFound."""
    return tx.scalars(select(LedgerTransaction).where(LedgerTransaction.id == ledger_id)).one()


def lock_balance(tx: Session, profile_id: str) -> None:
    """Lock the balance's row until the end of the transaction."""
    tx.execute(select(Balance.credits).where(Balance.profile_id == profile_id).with_for_update(key_share=True))


def add_credits(tx: Session, profile_id: str, amount: int, max_credits: int) -> int | None:
    """Add `amount` (may be negative) to the credits. Returns the new credits, or None, without a change, if they would
    be less than the held amount or more than `max_credits`."""
    after = Balance.credits + amount
    statement = update(Balance).where(Balance.profile_id == profile_id, after >= Balance.held, after <= max_credits)
    return tx.scalar(statement.values(credits=after).returning(Balance.credits))


def find_by_reference(tx: Session, profile_id: str, reference: str) -> LedgerTransaction | None:
    query = select(LedgerTransaction).where(LedgerTransaction.profile_id == profile_id)
    return tx.scalar(query.where(LedgerTransaction.reference == reference))


def find_charge(tx: Session, *, request_id: str | None, ledger_id: str | None) -> tuple[LedgerTransaction, Hold] | None:
    """Find the charge of a call of any profile, with its hold."""
    query = select(LedgerTransaction, Hold).join(Hold, Hold.id == LedgerTransaction.hold_id)
    query = query.where(LedgerTransaction.kind == "capture").execution_options(populate_existing=True)
    if request_id is not None:
        query = query.where(LedgerTransaction.request_id == request_id)
    if ledger_id is not None:
        query = query.where(LedgerTransaction.id == ledger_id)
    row = tx.execute(query.order_by(LedgerTransaction.sequence).limit(1)).first()
    return None if row is None else (row[0], row[1])


def add_refund(tx: Session, hold_id: str, amount: int) -> bool:
    """Add to a hold's refunds; False if they would exceed the charge."""
    return update_one(
        tx,
        update(Hold)
        .where(Hold.id == hold_id, Hold.state == "captured", Hold.refunded + amount <= Hold.captured)
        .values(refunded=Hold.refunded + amount),
    )


def hold(tx: Session, hold_id: str) -> HeldAmount | None:
    row = _HOLD.first(tx, hold_id=hold_id)
    return None if row is None else HeldAmount(*row)


def request_cost(tx: Session, profile_id: str, request_id: str) -> tuple[Hold, int | None] | None:
    """Return the hold of a profile's request, and the charged micro-units."""
    query = (
        select(Hold, LedgerTransaction.micro_units)
        .join(LedgerTransaction, LedgerTransaction.hold_id == Hold.id, isouter=True)
        .where(Hold.profile_id == profile_id, Hold.request_id == request_id)
    )
    row = tx.execute(query.order_by(Hold.sequence).limit(1)).first()
    return None if row is None else (row[0], row[1])


def nth_newest_hold(tx: Session, profile_id: str, services: Sequence[str], since: datetime, n: int) -> datetime | None:
    """Return when the n-th newest hold of these services since a moment was created; None if there are fewer."""
    query = select(Hold.created_at).where(
        Hold.profile_id == profile_id, Hold.service.in_(services), Hold.created_at > since
    )
    return tx.scalar(query.order_by(Hold.created_at.desc()).offset(n - 1).limit(1))


def detach_owner(tx: Session, hold_id: str) -> None:
    tx.execute(update(Hold).where(Hold.id == hold_id, Hold.state == "open", Hold.owner.is_not(None)).values(owner=None))


def owners_of_open_holds(tx: Session) -> Sequence[str]:
    """Return the lease names of the processes, alive or dead, that own open holds."""
    query = select(Hold.owner).where(Hold.state == "open", Hold.owner.is_not(None)).distinct()
    return [owner for owner in tx.scalars(query) if owner is not None]


def open_holds_of(tx: Session, owner: str) -> Sequence[Hold]:
    return tx.scalars(select(Hold).where(Hold.state == "open", Hold.owner == owner)).all()


def count_open_holds(tx: Session, profile_id: str) -> int:
    query = select(func.count()).select_from(Hold).where(Hold.profile_id == profile_id, Hold.state == "open")
    return tx.scalar(query) or 0


def ledger_page(tx: Session, profile_id: str, before: int | None, limit: int) -> Sequence[LedgerTransaction]:
    query = select(LedgerTransaction).where(LedgerTransaction.profile_id == profile_id)
    if before is not None:
        query = query.where(LedgerTransaction.sequence < before)
    return tx.scalars(query.order_by(LedgerTransaction.sequence.desc()).limit(limit)).all()


def usage(
    tx: Session, profile_id: str | None, group_by: str, begin: datetime | None, end: datetime | None
) -> Sequence[Row[str, str, int, int, int]]:
    """Return (profile, group, calls, micro-units, tokens), unordered, of the charges in [`begin`, `end`) of one profile
    or of all. Refunds are matched by request id, as a request has one hold; they reduce the units in proportion."""
    charge = LedgerTransaction
    nothing: ColumnElement[str] = literal_column("''")  # two bind parameters would differ in SELECT and GROUP BY
    groups: dict[str, ColumnElement[str]] = {
        "service": func.coalesce(charge.service, nothing),
        "day": UtcDay(charge.created_at),
        "voice": func.coalesce(Hold.voice_id, nothing),
        "key": func.coalesce(Hold.key_id, nothing),
    }
    refunds = (
        select(
            LedgerTransaction.profile_id,
            LedgerTransaction.request_id,
            func.sum(LedgerTransaction.tokens).label("tokens"),
        )
        .where(LedgerTransaction.kind == "refund", LedgerTransaction.request_id.is_not(None))
        .group_by(LedgerTransaction.profile_id, LedgerTransaction.request_id)
    )
    if profile_id is not None:
        refunds = refunds.where(LedgerTransaction.profile_id == profile_id)
    refunded = refunds.subquery()
    group = groups[group_by].label("grouped")
    share = refunded.c.tokens / -func.nullif(cast(charge.tokens, Float), 0)
    units_back = cast(func.round(charge.micro_units * share), BigInteger)
    query = (
        select(
            charge.profile_id,
            group,
            func.count(charge.sequence),
            _as_bigint(func.sum(func.coalesce(charge.micro_units, 0) - func.coalesce(units_back, 0))),
            _as_bigint(func.sum(-charge.tokens - func.coalesce(refunded.c.tokens, 0))),
        )
        .join(Hold, Hold.id == charge.hold_id)
        .join(
            refunded,
            (refunded.c.profile_id == charge.profile_id) & (refunded.c.request_id == charge.request_id),
            isouter=True,
        )
        .where(charge.kind == "capture")
        .group_by(charge.profile_id, group)
    )
    if profile_id is not None:
        query = query.where(charge.profile_id == profile_id)
    if begin is not None:
        query = query.where(charge.created_at >= begin)
    if end is not None:
        query = query.where(charge.created_at < end)
    return tx.execute(query).all()


def unbalanced_transactions(tx: Session) -> Sequence[tuple[str, int]]:
    """Return the transactions whose entries don't sum to zero, or that have fewer than two, with that sum."""
    total = func.coalesce(func.sum(LedgerEntry.amount), 0)
    count = func.count(LedgerEntry.sequence)
    query = (
        select(LedgerTransaction.id, total)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id, isouter=True)
        .group_by(LedgerTransaction.id)
        .having((total != 0) | (count < 2))
    )
    return [(row[0], int(row[1])) for row in tx.execute(query)]


def misposted_transactions(tx: Session) -> Sequence[str]:
    """Return the transactions with an entry that does not match their kind, profile and amount."""
    counterpart = case((LedgerTransaction.kind.in_(("capture", "refund")), "revenue"), else_="issued")
    customer = "customer:" + LedgerTransaction.profile_id
    right = ((LedgerEntry.account == customer) & (LedgerEntry.amount == LedgerTransaction.tokens)) | (
        (LedgerEntry.account == counterpart) & (LedgerEntry.amount == -LedgerTransaction.tokens)
    )
    query = (
        select(LedgerTransaction.id)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(~right)
        .distinct()
    )
    return tx.scalars(query).all()


def wrong_balances_after(tx: Session) -> Sequence[tuple[str, int, int]]:
    """Return the transactions whose `balance_after` is not the running sum: (transaction, recorded, summed)."""
    running = (
        func.sum(LedgerTransaction.tokens)
        .over(partition_by=LedgerTransaction.profile_id, order_by=LedgerTransaction.sequence)
        .label("running")
    )
    rows = select(LedgerTransaction.id, LedgerTransaction.balance_after, running).subquery()
    query = select(rows).where(rows.c.balance_after != rows.c.running)
    return [(row[0], row[1], int(row[2])) for row in tx.execute(query)]


def account_totals(tx: Session) -> dict[str, int]:
    query = select(LedgerEntry.account, func.sum(LedgerEntry.amount)).group_by(LedgerEntry.account)
    return {account: int(total) for account, total in tx.execute(query)}


def transaction_totals(tx: Session) -> dict[str, int]:
    query = select(LedgerTransaction.profile_id, func.sum(LedgerTransaction.tokens)).group_by(
        LedgerTransaction.profile_id
    )
    return {profile_id: int(total) for profile_id, total in tx.execute(query)}


def open_hold_totals(tx: Session) -> dict[str, int]:
    query = select(Hold.profile_id, func.sum(Hold.amount)).where(Hold.state == "open").group_by(Hold.profile_id)
    return {profile_id: int(total) for profile_id, total in tx.execute(query)}


def balances(tx: Session) -> Sequence[Balance]:
    return tx.scalars(select(Balance)).all()


def mismatched_holds(tx: Session) -> Sequence[tuple[str, str, int, int | None]]:
    """Return the holds whose captured amount is not their charge in the ledger: (hold, state, captured, charged)."""
    query = (
        select(Hold.id, Hold.state, Hold.captured, LedgerTransaction.tokens)
        .join(LedgerTransaction, LedgerTransaction.hold_id == Hold.id, isouter=True)
        .where(
            ((Hold.state == "captured") & (func.coalesce(LedgerTransaction.tokens, 1) != -Hold.captured))
            | ((Hold.state != "captured") & LedgerTransaction.id.is_not(None))
        )
    )
    return [(row[0], row[1], row[2], row[3]) for row in tx.execute(query)]


def inconsistent_holds(tx: Session) -> Sequence[tuple[str, str]]:
    """Return the holds whose state is invalid or inconsistent with their other columns: (hold, state)."""
    is_open = (Hold.state == "open") & Hold.settled_at.is_(None) & (Hold.captured == 0)
    is_captured = (Hold.state == "captured") & Hold.settled_at.is_not(None)
    is_released = (Hold.state == "released") & Hold.settled_at.is_not(None) & (Hold.captured == 0)
    query = select(Hold.id, Hold.state).where(~(is_open | is_captured | is_released))
    return [(row[0], row[1]) for row in tx.execute(query)]


def orphaned_charges(tx: Session) -> Sequence[str]:
    """Return the charges without a hold, or with a hold of another profile, service, request or job."""
    charge = LedgerTransaction
    query = (
        select(charge.id)
        .join(Hold, Hold.id == charge.hold_id, isouter=True)
        .where(
            charge.kind == "capture",
            Hold.id.is_(None)
            | (Hold.profile_id != charge.profile_id)
            | charge.service.is_distinct_from(Hold.service)
            | charge.request_id.is_distinct_from(Hold.request_id)
            | charge.job_id.is_distinct_from(Hold.job_id),
        )
    )
    return tx.scalars(query).all()


def excessive_refunds(tx: Session) -> Sequence[tuple[str, int, int]]:
    """Return the requests whose refunds exceed their charges: (request, refunded, charged)."""
    row = LedgerTransaction
    refunded = func.sum(case((row.kind == "refund", row.tokens), else_=0))
    charged = func.sum(case((row.kind == "capture", -row.tokens), else_=0))
    query = (
        select(row.request_id, refunded, charged)
        .where(row.kind.in_(("capture", "refund")), row.request_id.is_not(None))
        .group_by(row.profile_id, row.request_id)
        .having(refunded > charged)
    )
    return [(row[0] or "", int(row[1]), int(row[2])) for row in tx.execute(query)]


def _as_bigint(total: ColumnElement[Any]) -> ColumnElement[int]:
    """Cast a sum to an integer: the sum of bigints is a numeric in Postgres."""
    return cast(total, BigInteger)


def mismatched_refunds(tx: Session) -> Sequence[tuple[str, int, int]]:
    """Return the holds whose refunded amount is not their refunds in the ledger: (hold, recorded, booked)."""
    refund = aliased(LedgerTransaction)
    booked = func.coalesce(func.sum(refund.tokens), 0)
    query = (
        select(Hold.id, Hold.refunded, booked)
        .join(LedgerTransaction, LedgerTransaction.hold_id == Hold.id, isouter=True)
        .join(refund, refund.refund_of == LedgerTransaction.id, isouter=True)
        .where((Hold.refunded != 0) | refund.id.is_not(None))
        .group_by(Hold.id, Hold.refunded)
        .having(booked != Hold.refunded)
    )
    return [(row[0], row[1], int(row[2])) for row in tx.execute(query)]


def orphaned_refunds(tx: Session) -> Sequence[str]:
    """Return the refunds that refer to no charge of their own profile or whose amount is not positive, and the other
    transactions that have `refund_of` set."""
    charge = aliased(LedgerTransaction)
    query = (
        select(LedgerTransaction.id)
        .join(charge, charge.id == LedgerTransaction.refund_of, isouter=True)
        .where(
            ((LedgerTransaction.kind == "refund") | LedgerTransaction.refund_of.is_not(None))
            & (
                (LedgerTransaction.kind != "refund")
                | (LedgerTransaction.tokens <= 0)
                | (func.coalesce(charge.kind, "") != "capture")
                | (charge.profile_id != LedgerTransaction.profile_id)
            )
        )
    )
    return tx.scalars(query).all()
