"""Bodies of the billing endpoints, and of the catalogue."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class BalanceData(BaseModel):
    balance: float
    credits: float
    held: float
    currency: Literal["token"] = "token"


class BalanceBody(BaseModel):
    status: Literal["success"] = "success"
    data: BalanceData


class LedgerRow(BaseModel):
    id: str
    created_at: str
    kind: Literal["credit", "capture", "refund", "adjust"]
    service: str | None
    request_id: str | None
    job_id: str | None
    units: float | None
    tokens: float
    balance_after: float


class LedgerBody(BaseModel):
    status: Literal["success"] = "success"
    data: list[LedgerRow]
    next_cursor: str | None


class RequestData(BaseModel):
    """`units` and `tokens` are null for as long as the request is open."""

    request_id: str
    service: str
    status: Literal["open", "captured", "released"]
    units: float | None
    tokens: float | None
    created_at: str
    settled_at: str | None


class RequestCostBody(BaseModel):
    status: Literal["success"] = "success"
    data: RequestData


class UsageGroup(BaseModel):
    """`group` is empty for calls without a voice or key. What was refunded is not counted any more."""

    group: str
    calls: int
    units: float
    tokens: float


class UsageBody(BaseModel):
    status: Literal["success"] = "success"
    data: list[UsageGroup]


class ServiceRow(BaseModel):
    service: str
    unit_type: str
    unit_price: float
    description: str
    limits: dict[str, Any]


class CatalogData(BaseModel):
    services: list[ServiceRow]


class CatalogBody(BaseModel):
    status: Literal["success"] = "success"
    data: CatalogData
