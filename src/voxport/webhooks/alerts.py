"""Low-credit alerts: one webhook when a balance falls below its owner's threshold; a top-up above it re-arms it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from voxport.billing.money import json_number
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import NotFound
from voxport.webhooks import repository
from voxport.webhooks.models import BalanceAlert
from voxport.webhooks.service import Webhooks


class BalanceAlerts:
    """Manages and triggers the alerts. The transaction that changes a balance locks its row, so only one of two
    concurrent calls that cross the threshold triggers the alert."""

    def __init__(self, database: Database, webhooks: Webhooks, *, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._webhooks = webhooks
        self._clock = clock

    def get(self, profile_id: str) -> BalanceAlert:
        """Raises NotFound."""
        with self._database.snapshot() as tx:
            found = repository.alert(tx, profile_id)
        if found is None:
            raise _not_found()
        return found

    def put(self, profile_id: str, *, below: int, webhook_url: str) -> BalanceAlert:
        """Set the alert and arm it. If the balance is already below `below` (micro-tokens), the next call triggers it.
        Raises WebhookUrlUnusable."""
        self._webhooks.require_usable(webhook_url)
        with self._database.transaction() as tx:
            values = {"below": below, "webhook_url": webhook_url, "is_armed": True, "created_at": self._clock()}
            if not repository.change_alert(tx, profile_id, **values):
                tx.add(BalanceAlert(profile_id=profile_id, **values))
        return self.get(profile_id)

    def remove(self, profile_id: str) -> None:
        """Raises NotFound."""
        with self._database.transaction() as tx:
            if not repository.remove_alert(tx, profile_id):
                raise _not_found()

    def on_spent(self, tx: Session, profile_id: str, balance: int) -> None:
        """Trigger the alert if the new balance, in micro-tokens, is below the threshold."""
        if not repository.disarm_if_below(tx, profile_id, balance):
            return
        alert = repository.alert(tx, profile_id)
        assert alert is not None, "an alert that was set off is there until the transaction's end"
        data = {"balance": json_number(balance), "below": json_number(alert.below), "currency": "token"}
        self._webhooks.enqueue(tx, profile_id, "balance.low", alert.webhook_url, data=data)

    def on_credited(self, tx: Session, profile_id: str, balance: int) -> None:
        """Re-arm the alert if the new balance, in micro-tokens, is not below the threshold."""
        repository.rearm(tx, profile_id, balance)


def _not_found() -> NotFound:
    return NotFound("No alert is set. PUT /v2/billing/alert sets one.", code="alert_not_found")
