"""`client.webhooks`: deliveries, and the secret that they are signed with."""

from __future__ import annotations

from voxport_client.models.accounts import WebhookDelivery, WebhookDeliveryDetail, WebhookSecret
from voxport_client.models.names import DeliveryStatus
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, path
from voxport_client.transport.sync_transport import Transport

_DELIVERIES = "/v2/webhooks/deliveries"


def _get(delivery_id: str) -> Call[WebhookDeliveryDetail]:
    return Call("GET", path(_DELIVERIES + "/{id}", id=delivery_id), parse_data(WebhookDeliveryDetail))


def _resend(delivery_id: str) -> Call[WebhookDeliveryDetail]:
    where = path(_DELIVERIES + "/{id}/resend", id=delivery_id)
    return Call("POST", where, parse_data(WebhookDeliveryDetail))


def _secret() -> Call[WebhookSecret]:
    return Call("GET", "/v2/webhooks/secret", parse_data(WebhookSecret))


def _rotate_secret() -> Call[WebhookSecret]:
    return Call("POST", "/v2/webhooks/secret/rotate", parse_data(WebhookSecret), is_repeatable=False)


class Webhooks:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def deliveries(
        self,
        *,
        status: DeliveryStatus | None = None,
        job_id: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> Paginator[WebhookDelivery]:
        """The webhooks that were sent, newest first. `limit` is the size of a page."""
        calls = page_calls(_DELIVERIES, WebhookDelivery, limit=limit, query={"status": status, "job_id": job_id})
        return Paginator(self._transport, calls, cursor)

    def get(self, delivery_id: str) -> WebhookDeliveryDetail:
        """A delivery with each try of it."""
        return self._transport.send(_get(delivery_id))

    def resend(self, delivery_id: str) -> WebhookDeliveryDetail:
        """Send a webhook again now, under the same id."""
        return self._transport.send(_resend(delivery_id))

    def secret(self) -> WebhookSecret:
        return self._transport.send(_secret())

    def rotate_secret(self) -> WebhookSecret:
        """Make a new secret; the old one signs too for a day. Not sent again after a lost answer."""
        return self._transport.send(_rotate_secret())


class AsyncWebhooks:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def deliveries(
        self,
        *,
        status: DeliveryStatus | None = None,
        job_id: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> AsyncPaginator[WebhookDelivery]:
        """The webhooks that were sent, newest first. `limit` is the size of a page."""
        calls = page_calls(_DELIVERIES, WebhookDelivery, limit=limit, query={"status": status, "job_id": job_id})
        return AsyncPaginator(self._transport, calls, cursor)

    async def get(self, delivery_id: str) -> WebhookDeliveryDetail:
        """A delivery with each try of it."""
        return await self._transport.send(_get(delivery_id))

    async def resend(self, delivery_id: str) -> WebhookDeliveryDetail:
        """Send a webhook again now, under the same id."""
        return await self._transport.send(_resend(delivery_id))

    async def secret(self) -> WebhookSecret:
        return await self._transport.send(_secret())

    async def rotate_secret(self) -> WebhookSecret:
        """Make a new secret; the old one signs too for a day. Not sent again after a lost answer."""
        return await self._transport.send(_rotate_secret())
