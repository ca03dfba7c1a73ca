"""API keys, webhooks, and what an operator sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from voxport_client.models.base import Model
from voxport_client.models.names import DeliveryStatus, EventType, ProfileState


@dataclass(frozen=True, kw_only=True)
class ApiKey(Model):
    """An API key without its secret. `starts` is its first letters; `expires_at` is set once it was rotated."""

    id: str
    name: str
    starts: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewApiKey(ApiKey):
    """A new key. `key` is shown this once."""

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RotatedApiKey(NewApiKey):
    """A new key in place of `old_key_id`, which works until `old_works_until`."""

    old_key_id: str
    old_works_until: datetime


@dataclass(frozen=True, kw_only=True)
class RevokedKey(Model):
    id: str
    revoked: bool = True


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt(Model):
    """One try of a delivery. `ms` is how long it took; `status` the receiver's, or None with an `error`."""

    at: datetime
    status: int | None
    error: str | None
    ms: int


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery(Model):
    id: str
    type: EventType
    status: DeliveryStatus
    url: str
    job_id: str | None
    created_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None
    attempt_count: int


@dataclass(frozen=True, kw_only=True)
class WebhookDeliveryDetail(WebhookDelivery):
    attempts: list[DeliveryAttempt]


@dataclass(frozen=True, kw_only=True)
class PreviousSecret(Model):
    """A rotated secret, with which webhooks are signed too until `expires_at`."""

    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookSecret(Model):
    """The secret that webhooks are signed with."""

    secret: str = field(repr=False)
    created_at: datetime
    previous: list[PreviousSecret]


@dataclass(frozen=True, kw_only=True)
class Profile(Model):
    """A customer's account. `balance` is what can be spent: `credits` without what is `held`."""

    id: str
    name: str
    state: ProfileState
    created_at: datetime
    balance: Decimal
    credits: Decimal
    held: Decimal


@dataclass(frozen=True, kw_only=True)
class Booking(Model):
    """An entry that an operator booked. `repeated`: the reference had been booked before, and this is that entry."""

    id: str
    profile_id: str
    kind: str
    tokens: Decimal
    balance_after: Decimal
    request_id: str | None
    reference: str | None
    repeated: bool


@dataclass(frozen=True, kw_only=True)
class Erasure(Model):
    """`left` is what could not be removed yet; the worker goes on with it."""

    profile_id: str
    erased: bool
    left: list[str]


@dataclass(frozen=True, kw_only=True)
class StoredTotals(Model):
    """What a profile has in storage."""

    profile_id: str
    uploads: int
    upload_bytes: int
    speech: int
    speech_bytes: int
    voices: int
    voice_bytes: int


@dataclass(frozen=True, kw_only=True)
class ConsentRecord(Model):
    id: str
    created_at: datetime
    profile_id: str
    key_id: str
    service: str
    request_id: str
    job_id: str | None
    voice_id: str | None
    speaker: str
    words: str | None


@dataclass(frozen=True, kw_only=True)
class AuditEntry(Model):
    """An entry of the audit log. `hash` covers the entry and `previous`, the hash before it."""

    sequence: int
    at: datetime
    actor: str
    action: str
    profile_id: str | None
    subject: str | None
    request_id: str | None
    details: dict[str, Any]
    previous: str
    hash: str
