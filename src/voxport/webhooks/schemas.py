"""Bodies of the webhook endpoints, and of the alert of low credits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from voxport.billing.money import MAX_TOKENS, MICRO
from voxport.jobs.schemas import WebhookUrl
from voxport.web.schemas import RequestBody

DeliveryStatus = Literal["pending", "sending", "delivered", "failed"]
EventType = Literal["job.completed", "job.failed", "job.cancelled", "balance.low"]


class Delivery(BaseModel):
    """`id` is the `webhook-id` of every try. `next_attempt_at` is null where none is planned."""

    id: str
    type: EventType
    status: DeliveryStatus
    url: str
    job_id: str | None
    created_at: str
    finished_at: str | None
    next_attempt_at: str | None
    attempt_count: int


class Attempt(BaseModel):
    """`status` is the receiver's; where it gave none, `error` says so."""

    at: str
    status: int | None
    error: str | None
    ms: int


class DeliveryDetail(Delivery):
    attempts: list[Attempt]


class DeliveryList(BaseModel):
    status: Literal["success"] = "success"
    data: list[Delivery]
    next_cursor: str | None


class DeliveryBody(BaseModel):
    status: Literal["success"] = "success"
    data: DeliveryDetail


class PreviousSecret(BaseModel):
    secret: str
    expires_at: str


class SecretData(BaseModel):
    """`previous` were replaced by `secret`, and sign too until they expire."""

    secret: str
    created_at: str
    previous: list[PreviousSecret]


class SecretBody(BaseModel):
    status: Literal["success"] = "success"
    data: SecretData


class AlertRequest(RequestBody):
    below: Annotated[float, Field(gt=0, le=MAX_TOKENS, allow_inf_nan=False, description="In tokens.")]
    webhook_url: WebhookUrl

    @field_validator("below")
    @classmethod
    def _has_six_places(cls, value: float) -> float:
        if Decimal(str(value)) * MICRO % 1:
            raise ValueError("has more than six places")
        return value


class AlertData(BaseModel):
    """`armed`: whether it is sent when the balance is next found below; it is again when credits lift the balance."""

    below: float
    webhook_url: str
    armed: bool
    created_at: str


class AlertBody(BaseModel):
    status: Literal["success"] = "success"
    data: AlertData


class AlertRemoved(BaseModel):
    deleted: Literal[True] = True


class AlertRemovedBody(BaseModel):
    status: Literal["success"] = "success"
    data: AlertRemoved = AlertRemoved()
