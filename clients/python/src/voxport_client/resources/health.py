"""Whether the gateway is up, and its catalogue."""

from __future__ import annotations

import httpx2

from voxport_client.models.billing import Catalog
from voxport_client.transport.calls import Call, parse_data


def catalog_call() -> Call[Catalog]:
    return Call("GET", "/v1/catalog", parse_data(Catalog))


def ping_call(path: str) -> Call[int]:
    return Call("GET", path, _status, is_checked=False, is_authenticated=False)


def is_up(status: int) -> bool:
    return status == 200


def _status(response: httpx2.Response) -> int:
    return response.status_code
