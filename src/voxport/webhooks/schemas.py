"""Bodies of the webhook endpoints, and of the alert of low credits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from voxport.billing.money import MAX_TOKENS, MICRO
from voxport.jobs.schemas import WebhookUrl
from voxport.web.schemas import NextCursor, RequestBody, Success

DeliveryStatus = Literal["pending", "sending", "delivered", "failed"]
EventType = Literal["job.completed", "job.failed", "job.cancelled", "balance.low"]


class Delivery(BaseModel):
    """`id` is the `webhook-id` of every try. `next_attempt_at` is null where none is planned."""

    id: str = Field(description="The message's id: the `webhook-id` of every try.")
    type: EventType = Field(description="What happened.")
    status: DeliveryStatus = Field(
        description="`pending`: a try is planned; `sending`: one is under way; then `delivered` or `failed`."
    )
    url: str = Field(description="Where it is sent.")
    job_id: str | None = Field(description="The job that ended; null of an alert.")
    created_at: str = Field(description="When it was written, ISO 8601 in UTC.")
    finished_at: str | None = Field(description="When it was delivered or given up, ISO 8601 in UTC; null until then.")
    next_attempt_at: str | None = Field(
        description="When the next try is planned, ISO 8601 in UTC; null where none is."
    )
    attempt_count: int = Field(description="How many tries there were.")


class Attempt(BaseModel):
    """`status` is the receiver's; where it gave none, `error` says so."""

    at: str = Field(description="When it was tried, ISO 8601 in UTC.")
    status: int | None = Field(description="The HTTP status of the receiver; null where it gave none.")
    error: str | None = Field(description="Why there is no status; else null.")
    ms: int = Field(description="How long the try took, in milliseconds.")


class DeliveryDetail(Delivery):
    attempts: list[Attempt] = Field(description="The tries, the oldest first.")


class DeliveryList(BaseModel):
    status: Success = "success"
    data: list[Delivery] = Field(description="The messages of this page.")
    next_cursor: NextCursor


class DeliveryBody(BaseModel):
    status: Success = "success"
    data: DeliveryDetail = Field(description="What was asked for.")


class PreviousSecret(BaseModel):
    secret: str = Field(description="A secret that was replaced and still signs.")
    expires_at: str = Field(description="Until when it signs, ISO 8601 in UTC.")


class SecretData(BaseModel):
    """`previous` were replaced by `secret`, and sign too until they expire."""

    secret: str = Field(description="The secret that signs now, `whsec_…`.")
    created_at: str = Field(description="When it was made, ISO 8601 in UTC.")
    previous: list[PreviousSecret] = Field(description="Secrets that were replaced and sign too until they expire.")


class SecretBody(BaseModel):
    status: Success = "success"
    data: SecretData = Field(description="What was asked for.")


class AlertRequest(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"below": 5, "webhook_url": "https://example.com/low-credits"}]}
    )

    below: Annotated[float, Field(gt=0, le=MAX_TOKENS, allow_inf_nan=False, description="In tokens.")]
    webhook_url: WebhookUrl = Field(
        description="A public http(s) URL of yours that is told when the balance falls below."
    )

    @field_validator("below")
    @classmethod
    def _has_six_places(cls, value: float) -> float:
        if Decimal(str(value)) * MICRO % 1:
            raise ValueError("has more than six places")
        return value


class AlertData(BaseModel):
    """`armed`: whether it is sent when the balance is next found below; it is again when credits lift the balance."""

    below: float = Field(description="The threshold, in tokens.")
    webhook_url: str = Field(description="Where the alert is sent.")
    armed: bool = Field(
        description="Whether it is sent when the balance is next found below; after that, credits arm it again."
    )
    created_at: str = Field(description="When it was set, ISO 8601 in UTC.")


class AlertBody(BaseModel):
    status: Success = "success"
    data: AlertData = Field(description="What was asked for.")


class AlertRemoved(BaseModel):
    deleted: Literal[True] = Field(default=True, description="Always true.")


class AlertRemovedBody(BaseModel):
    status: Success = "success"
    data: AlertRemoved = Field(default=AlertRemoved(), description="What was done.")
