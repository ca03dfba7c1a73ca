"""Clients of a gateway in this process, whose storage may be a server of its own."""

from __future__ import annotations

import httpx2

from tests.support.client import PUBLIC_URL, GatewayClient
from voxport_client import AsyncVoxport, Voxport


def blocking(customer: GatewayClient) -> Voxport:
    http = httpx2.Client(mounts={PUBLIC_URL: customer.http._transport})
    return Voxport(api_key=customer.key, base_url=PUBLIC_URL, http_client=http)


def for_asyncio(customer: GatewayClient) -> AsyncVoxport:
    http = httpx2.AsyncClient(mounts={PUBLIC_URL: httpx2.ASGITransport(customer.app)})
    return AsyncVoxport(api_key=customer.key, base_url=PUBLIC_URL, http_client=http)
