"""GET /v2/billing/balance, /v2/billing/ledger, /v2/billing/usage, /v2/billing/requests/{request_id} and /v1/catalog."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.billing.models import LedgerTransaction
from voxport.billing.money import MICRO, json_number, to_micro
from voxport.billing.schemas import (
    BalanceBody,
    BalanceData,
    CatalogBody,
    CatalogData,
    LedgerBody,
    LedgerRow,
    RequestCostBody,
    RequestData,
    ServiceRow,
    UsageBody,
    UsageGroup,
)
from voxport.billing.service import Billing
from voxport.billing.usage import COLUMNS, GroupBy, format_row, parse_period, to_csv, usage
from voxport.catalog import Catalog
from voxport.clock import iso
from voxport.db.session import Database
from voxport.web.content_negotiation import prefers
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit

router = APIRouter(tags=["billing"], route_class=AuthenticatedRoute)


BillingDep = Injected[Billing]
_DATETIME_DESCRIPTION = "A date, or a date-time of ISO 8601, in UTC: `2026-04-27`, `2026-04-27T10:30:00Z`."


@router.get("/v2/billing/balance", summary="What is left to spend")
def balance(caller: Caller, billing: BillingDep) -> BalanceBody:
    funds = billing.read_funds(caller.profile_id)
    data = BalanceData(
        balance=json_number(funds.balance), credits=json_number(funds.credits), held=json_number(funds.held)
    )
    return BalanceBody(data=data)


@router.get("/v2/billing/ledger", summary="Every movement of credits, newest first")
def ledger(caller: Caller, billing: BillingDep, limit: Limit = 50, cursor: Cursor = None) -> LedgerBody:
    page = billing.ledger(caller.profile_id, limit=limit, cursor=cursor)
    return LedgerBody(data=[_row(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get(
    "/v2/billing/usage",
    summary="What was charged, by service, day, voice or key",
    response_model=UsageBody,
    responses={200: {"content": {"text/csv": {}}, "description": "As JSON, or with `Accept: text/csv` as CSV"}},
)
def usage_report(
    caller: Caller,
    database: Injected[Database],
    response: Response,
    group_by: Annotated[GroupBy, Query(description="What a row of the answer is for.")] = "service",
    begin: Annotated[str | None, Query(alias="from", max_length=64, description=_DATETIME_DESCRIPTION)] = None,
    end: Annotated[
        str | None, Query(alias="to", max_length=64, description=f"Not part of it. {_DATETIME_DESCRIPTION}")
    ] = None,
    accept: Annotated[list[str] | None, Header(include_in_schema=False)] = None,
) -> UsageBody | Response:
    rows = usage(database, caller.profile_id, group_by=group_by, period=parse_period(begin, end))
    if prefers(accept, "text/csv", over="application/json"):
        headers = {"Content-Disposition": f'attachment; filename="usage-by-{group_by}.csv"', "Vary": "Accept"}
        return Response(to_csv([COLUMNS, *map(format_row, rows)]), media_type="text/csv", headers=headers)
    response.headers["Vary"] = "Accept"
    return UsageBody(
        data=[
            UsageGroup(group=row.group, calls=row.calls, units=row.micro_units / MICRO, tokens=json_number(row.tokens))
            for row in rows
        ]
    )


@router.get("/v2/billing/requests/{request_id}", summary="What one request cost")
def request_cost(request_id: str, caller: Caller, billing: BillingDep) -> RequestCostBody:
    cost = billing.request_cost(caller.profile_id, request_id)
    hold = cost.hold
    is_open = hold.state == "open"
    return RequestCostBody(
        data=RequestData(
            request_id=hold.request_id,
            service=hold.service,
            status=hold.state,  # type: ignore[arg-type]  # the column holds no other
            units=None if is_open else (cost.micro_units or 0) / MICRO,
            tokens=None if is_open else json_number(hold.captured),
            created_at=iso(hold.created_at),
            settled_at=iso(hold.settled_at) if hold.settled_at else None,
        )
    )


@router.get("/v1/catalog", summary="Services, prices and limits")
def catalog(catalog: Injected[Catalog]) -> CatalogBody:
    services = [
        ServiceRow(
            service=name,
            unit_type=service.unit_type,
            unit_price=json_number(to_micro(service.unit_price)),
            description=service.description,
            limits=catalog.limits_of(name),
        )
        for name, service in catalog.services.items()
    ]
    return CatalogBody(data=CatalogData(services=services))


def _row(row: LedgerTransaction) -> LedgerRow:
    return LedgerRow(
        id=row.id,
        created_at=iso(row.created_at),
        kind=row.kind,  # type: ignore[arg-type]  # the column holds no other
        service=row.service,
        request_id=row.request_id,
        job_id=row.job_id,
        units=None if row.micro_units is None else row.micro_units / MICRO,
        tokens=json_number(row.tokens),
        balance_after=json_number(row.balance_after),
    )
