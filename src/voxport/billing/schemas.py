"""Bodies of the billing endpoints, and of the catalogue."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from voxport.web.schemas import NextCursor, Success


class BalanceData(BaseModel):
    balance: float = Field(description="Tokens that can be spent: credits less what is held.")
    credits: float = Field(description="Tokens of the account.")
    held: float = Field(description="Tokens set aside for calls that are being made.")
    currency: Literal["token"] = Field(default="token", description="Always `token`.")


class BalanceBody(BaseModel):
    status: Success = "success"
    data: BalanceData = Field(description="What was asked for.")


class LedgerRow(BaseModel):
    id: str = Field(description="The entry's id.")
    created_at: str = Field(description="When it was booked, ISO 8601 in UTC.")
    kind: Literal["credit", "capture", "refund", "adjust"] = Field(
        description="`credit`: given; `capture`: charged; `refund`: given back; `adjust`: corrected by the operator."
    )
    service: str | None = Field(description="The service that was charged; null of credits.")
    request_id: str | None = Field(description="The request that was charged (`X-Gateway-Request-ID`).")
    job_id: str | None = Field(description="The job that was charged, where it was one.")
    units: float | None = Field(description="Units that were charged or given back.")
    tokens: float = Field(description="Tokens: negative where they were taken.")
    balance_after: float = Field(description="Tokens in the account after it.")


class LedgerBody(BaseModel):
    status: Success = "success"
    data: list[LedgerRow] = Field(description="The entries of this page.")
    next_cursor: NextCursor


class RequestData(BaseModel):
    """`units` and `tokens` are null for as long as the request is open."""

    request_id: str = Field(description="The request's id (`X-Gateway-Request-ID`).")
    service: str = Field(description="The service that was called.")
    status: Literal["open", "captured", "released"] = Field(
        description="`open`: not settled yet; `captured`: charged; `released`: cost nothing."
    )
    units: float | None = Field(description="Units that were charged; null while it is open.")
    tokens: float | None = Field(description="Tokens that were charged; null while it is open.")
    created_at: str = Field(description="When the call came, ISO 8601 in UTC.")
    settled_at: str | None = Field(description="When it was settled, ISO 8601 in UTC; null while it is open.")


class RequestCostBody(BaseModel):
    status: Success = "success"
    data: RequestData = Field(description="What was asked for.")


class UsageGroup(BaseModel):
    """`group` is empty for calls without a voice or key. What was refunded is not counted any more."""

    group: str = Field(description="The service, day, voice or key; empty for calls without a voice or key.")
    calls: int = Field(description="How many calls were charged.")
    units: float = Field(description="Units that were charged.")
    tokens: float = Field(description="Tokens that were charged, less refunds.")


class UsageBody(BaseModel):
    status: Success = "success"
    data: list[UsageGroup] = Field(description="The groups.")


class ServiceRow(BaseModel):
    service: str = Field(description="The service's name.")
    unit_type: str = Field(description="What a unit is: `second` or `item`.")
    unit_price: float = Field(description="Tokens per unit.")
    description: str = Field(description="What the service does.")
    limits: dict[str, Any] = Field(description="The limits of a call, by name.")


class CatalogData(BaseModel):
    services: list[ServiceRow] = Field(description="The services of this gateway.")


class CatalogBody(BaseModel):
    status: Success = "success"
    data: CatalogData = Field(description="What was asked for.")
