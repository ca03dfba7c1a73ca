"""`client.billing`: balance, ledger, usage, costs and the alert of low credits."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import httpx2

from voxport_client.models.billing import Balance, LedgerEntry, LowBalanceAlert, RemovedAlert, RequestCost, UsageRow
from voxport_client.models.names import UsageGroupBy
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, parse_list, path
from voxport_client.transport.sync_transport import Transport

Moment = datetime | str
"""A moment, or a date or moment in ISO 8601."""

_LEDGER = "/v2/billing/ledger"
_ALERT = "/v2/billing/alert"


def _balance() -> Call[Balance]:
    return Call("GET", "/v2/billing/balance", parse_data(Balance))


def _usage(group_by: UsageGroupBy, begin: Moment | None, end: Moment | None) -> Call[list[UsageRow]]:
    return Call("GET", "/v2/billing/usage", parse_list(UsageRow), query=_usage_query(group_by, begin, end))


def _usage_csv(group_by: UsageGroupBy, begin: Moment | None, end: Moment | None) -> Call[str]:
    query = _usage_query(group_by, begin, end)
    return Call("GET", "/v2/billing/usage", _text, query=query, headers={"Accept": "text/csv"})


def _usage_query(group_by: UsageGroupBy, begin: Moment | None, end: Moment | None) -> dict[str, str | None]:
    return {"group_by": group_by, "from": _iso(begin), "to": _iso(end)}


def _request(request_id: str) -> Call[RequestCost]:
    return Call("GET", path("/v2/billing/requests/{request_id}", request_id=request_id), parse_data(RequestCost))


def _alert() -> Call[LowBalanceAlert]:
    return Call("GET", _ALERT, parse_data(LowBalanceAlert))


def _set_alert(below: Decimal | float, webhook_url: str) -> Call[LowBalanceAlert]:
    body = {"below": float(below), "webhook_url": webhook_url}
    return Call("PUT", _ALERT, parse_data(LowBalanceAlert), body=body)


def _delete_alert() -> Call[RemovedAlert]:
    return Call("DELETE", _ALERT, parse_data(RemovedAlert))


def _iso(moment: Moment | None) -> str | None:
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise ValueError("Give a moment with its time zone, such as datetime(2026, 11, 1, tzinfo=UTC).")
    return moment.isoformat()


def _text(response: httpx2.Response) -> str:
    return response.content.decode("utf-8", "replace")


class Billing:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def balance(self) -> Balance:
        return self._transport.send(_balance())

    def ledger(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Paginator[LedgerEntry]:
        """What was credited and charged, newest first. `limit` is the size of a page."""
        return Paginator(self._transport, page_calls(_LEDGER, LedgerEntry, limit=limit), cursor)

    def usage(
        self, *, group_by: UsageGroupBy = "service", begin: Moment | None = None, end: Moment | None = None
    ) -> list[UsageRow]:
        """What was used from `begin` until `end`, by service, day, voice or key."""
        return self._transport.send(_usage(group_by, begin, end))

    def usage_csv(
        self, *, group_by: UsageGroupBy = "service", begin: Moment | None = None, end: Moment | None = None
    ) -> str:
        """The same as CSV."""
        return self._transport.send(_usage_csv(group_by, begin, end))

    def request(self, request_id: str) -> RequestCost:
        """What one call cost. Raises NotFoundError if it is not billed."""
        return self._transport.send(_request(request_id))

    def alert(self) -> LowBalanceAlert:
        """The alert of low credits. Raises NotFoundError if there is none."""
        return self._transport.send(_alert())

    def set_alert(self, *, below: Decimal | float, webhook_url: str) -> LowBalanceAlert:
        """Have `webhook_url` called once the balance falls below so many tokens."""
        return self._transport.send(_set_alert(below, webhook_url))

    def delete_alert(self) -> RemovedAlert:
        return self._transport.send(_delete_alert())


class AsyncBilling:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def balance(self) -> Balance:
        return await self._transport.send(_balance())

    def ledger(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> AsyncPaginator[LedgerEntry]:
        """What was credited and charged, newest first. `limit` is the size of a page."""
        return AsyncPaginator(self._transport, page_calls(_LEDGER, LedgerEntry, limit=limit), cursor)

    async def usage(
        self, *, group_by: UsageGroupBy = "service", begin: Moment | None = None, end: Moment | None = None
    ) -> list[UsageRow]:
        """What was used from `begin` until `end`, by service, day, voice or key."""
        return await self._transport.send(_usage(group_by, begin, end))

    async def usage_csv(
        self, *, group_by: UsageGroupBy = "service", begin: Moment | None = None, end: Moment | None = None
    ) -> str:
        """The same as CSV."""
        return await self._transport.send(_usage_csv(group_by, begin, end))

    async def request(self, request_id: str) -> RequestCost:
        """What one call cost. Raises NotFoundError if it is not billed."""
        return await self._transport.send(_request(request_id))

    async def alert(self) -> LowBalanceAlert:
        """The alert of low credits. Raises NotFoundError if there is none."""
        return await self._transport.send(_alert())

    async def set_alert(self, *, below: Decimal | float, webhook_url: str) -> LowBalanceAlert:
        """Have `webhook_url` called once the balance falls below so many tokens."""
        return await self._transport.send(_set_alert(below, webhook_url))

    async def delete_alert(self) -> RemovedAlert:
        return await self._transport.send(_delete_alert())
