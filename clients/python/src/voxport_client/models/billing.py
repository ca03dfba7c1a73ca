"""Balance, ledger, usage, prices and the alert of low credits. All amounts are tokens; 1 token is 1 US dollar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from voxport_client.models.base import Model
from voxport_client.models.names import LedgerKind, RequestStatus


@dataclass(frozen=True, kw_only=True)
class Balance(Model):
    """`balance` is what can be spent: `credits` without what is `held` for calls under way."""

    balance: Decimal
    credits: Decimal
    held: Decimal
    currency: str = "token"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(Model):
    id: str
    created_at: datetime
    kind: LedgerKind
    service: str | None
    request_id: str | None
    job_id: str | None
    units: float | None
    tokens: Decimal
    balance_after: Decimal


@dataclass(frozen=True, kw_only=True)
class UsageRow(Model):
    """What was used in one `group`: a service, a day, a voice or a key."""

    group: str
    calls: int
    units: float
    tokens: Decimal


@dataclass(frozen=True, kw_only=True)
class RequestCost(Model):
    """What one call cost: None while it is `open`."""

    request_id: str
    service: str
    status: RequestStatus
    units: float | None
    tokens: Decimal | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ServicePrice(Model):
    """A row of the catalogue."""

    service: str
    unit_type: str
    unit_price: Decimal
    description: str
    limits: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Catalog(Model):
    services: list[ServicePrice]


@dataclass(frozen=True, kw_only=True)
class LowBalanceAlert(Model):
    """The webhook that is called once the balance falls below `below`. `armed`: it has not been called since."""

    below: Decimal
    webhook_url: str
    armed: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class RemovedAlert(Model):
    deleted: bool = True
