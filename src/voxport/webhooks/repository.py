"""SQL of the webhooks. Guarded UPDATEs claim and end a delivery, so no two workers send it at the same time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from voxport.db.prepared import Prepared
from voxport.db.session import update_one
from voxport.webhooks.models import BalanceAlert, WebhookAttempt, WebhookDelivery, WebhookSecret

_OPEN = ("pending", "sending")
_DISARM = Prepared(
    update(BalanceAlert)
    .where(
        BalanceAlert.profile_id == bindparam("of_profile"),
        BalanceAlert.is_armed,
        BalanceAlert.below > bindparam("balance"),
    )
    .values(is_armed=False)
)

# Deliveries


def owned(tx: Session, profile_id: str, delivery_id: str) -> WebhookDelivery | None:
    query = select(WebhookDelivery).where(WebhookDelivery.profile_id == profile_id, WebhookDelivery.id == delivery_id)
    return tx.scalar(query.execution_options(populate_existing=True))


def by_id(tx: Session, delivery_id: str) -> WebhookDelivery | None:
    """Return a delivery of any profile, for the operator."""
    return tx.scalar(select(WebhookDelivery).where(WebhookDelivery.id == delivery_id))


def page(
    tx: Session, *, profile_id: str | None, state: str | None, job_id: str | None, before: int | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Return deliveries, newest first. `profile_id` is None only for the operator: all profiles."""
    query = select(WebhookDelivery)
    for column, value in (
        (WebhookDelivery.profile_id, profile_id),
        (WebhookDelivery.state, state),
        (WebhookDelivery.job_id, job_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(WebhookDelivery.sequence < before)
    return tx.scalars(query.order_by(WebhookDelivery.sequence.desc()).limit(limit)).all()


def attempts(tx: Session, delivery_id: str) -> Sequence[WebhookAttempt]:
    """Return the attempts of a delivery, oldest first."""
    query = select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id)
    return tx.scalars(query.order_by(WebhookAttempt.sequence)).all()


def next_due_delivery(tx: Session, moment: datetime, excluded_profiles: Collection[str]) -> WebhookDelivery | None:
    """Return the delivery that has been due longest, skipping the excluded profiles."""
    is_due = and_(WebhookDelivery.state.in_(_OPEN), WebhookDelivery.next_at <= moment)
    query = select(WebhookDelivery).where(is_due, WebhookDelivery.profile_id.not_in(excluded_profiles))
    return tx.scalar(query.order_by(WebhookDelivery.next_at, WebhookDelivery.sequence).limit(1))


def next_due_at(tx: Session) -> datetime | None:
    """Return when the next delivery is due; None if all have ended."""
    query = select(WebhookDelivery.next_at).where(WebhookDelivery.state.in_(_OPEN))
    return tx.scalar(query.order_by(WebhookDelivery.next_at).limit(1))


def change(tx: Session, seen: WebhookDelivery, **values: Any) -> bool:
    """Set columns of a delivery if its state and due time are still those of `seen`; False if they are not."""
    same = (
        WebhookDelivery.id == seen.id,
        WebhookDelivery.state == seen.state,
        WebhookDelivery.next_at == seen.next_at,
    )
    return update_one(tx, update(WebhookDelivery).where(*same).values(**values))


def sweep(tx: Session, before: datetime) -> int:
    """Delete the deliveries that ended before a moment; returns how many."""
    old = delete(WebhookDelivery).where(
        WebhookDelivery.state.in_(("delivered", "failed")), WebhookDelivery.ended_at < before
    )
    return cast(CursorResult[Any], tx.execute(old)).rowcount


def erase(tx: Session, profile_id: str) -> None:
    """Delete a profile's deliveries, secrets and alert."""
    for table in (WebhookDelivery, WebhookSecret, BalanceAlert):
        tx.execute(delete(table).where(table.profile_id == profile_id))


# Secrets


def secrets(tx: Session, profile_id: str, moment: datetime) -> Sequence[WebhookSecret]:
    """Return the secrets that are active at a moment, newest first."""
    alive = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > moment)
    query = select(WebhookSecret).where(WebhookSecret.profile_id == profile_id, alive)
    return tx.scalars(query.order_by(WebhookSecret.sequence.desc())).all()


def replace_secret(tx: Session, profile_id: str, expires_at: datetime) -> None:
    """Set the expiry of the current secret."""
    current = (WebhookSecret.profile_id == profile_id, WebhookSecret.expires_at.is_(None))
    tx.execute(update(WebhookSecret).where(*current).values(expires_at=expires_at))


def sweep_secrets(tx: Session, moment: datetime) -> int:
    expired = delete(WebhookSecret).where(WebhookSecret.expires_at < moment)
    return cast(CursorResult[Any], tx.execute(expired)).rowcount


# Alerts


def alert(tx: Session, profile_id: str) -> BalanceAlert | None:
    query = select(BalanceAlert).where(BalanceAlert.profile_id == profile_id)
    return tx.scalar(query.execution_options(populate_existing=True))


def change_alert(tx: Session, profile_id: str, **values: Any) -> bool:
    return update_one(tx, update(BalanceAlert).where(BalanceAlert.profile_id == profile_id).values(**values))


def disarm_if_below(tx: Session, profile_id: str, balance: int) -> bool:
    """Disarm the alert if it is armed and this balance triggers it; False if not."""
    return _DISARM.run(tx, of_profile=profile_id, balance=balance) == 1


def rearm(tx: Session, profile_id: str, balance: int) -> None:
    """Arm the alert if the balance is not below its threshold."""
    above = (BalanceAlert.profile_id == profile_id, BalanceAlert.below <= balance)
    tx.execute(update(BalanceAlert).where(*above).values(is_armed=True))


def remove_alert(tx: Session, profile_id: str) -> bool:
    result = tx.execute(delete(BalanceAlert).where(BalanceAlert.profile_id == profile_id))
    return cast(CursorResult[Any], result).rowcount == 1
