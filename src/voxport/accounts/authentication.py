"""The check of the API key, before anything else of a request is read."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import ClientDisconnect

from voxport.accounts.rate_limits import RateLimits
from voxport.accounts.service import Accounts, Principal
from voxport.audit.service import Actor
from voxport.errors import BadRequest, Unauthenticated
from voxport.settings import Settings
from voxport.web.dependencies import service_of
from voxport.web.json_body import JsonRequest

_SLOW_BODY_SECONDS = 1.0


class AuthenticatedRoute(APIRoute):
    """A route that is for callers with a key. The key, and how often it calls, is checked before the body is read, so
    that a stranger learns nothing of the shape of a request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(original: Request) -> Response:
            request = JsonRequest(original.scope, original.receive)
            accounts = service_of(request, Accounts)
            limits: RateLimits = request.app.state.rate_limits
            request.state.principal = await limits.admit(request, _extract_key, accounts.authenticate)
            limits.count(request, request.state.principal.key_id)
            if await _read_body_slowly(request):
                # Whoever holds a request open does nothing with a key that was revoked meanwhile.
                await limits.admit(request, _extract_key, accounts.authenticate)
            await request.reject_duplicate_fields()
            return await self.handle_request(request, handle)

        return authenticated

    async def handle_request(
        self, request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """What comes after the check of the key."""
        return await handle(request)


class AdminRoute(APIRoute):
    """A route that is for the operator, whose key is a setting. A customer's key is none."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(original: Request) -> Response:
            request = JsonRequest(original.scope, original.receive)
            expected = service_of(request, Settings).admin_key
            assert expected is not None  # else there is no such route
            limits: RateLimits = request.app.state.rate_limits
            await limits.admit(request, _extract_key, partial(_require_admin_key, expected.get_secret_value().encode()))
            await _read_body_slowly(request)
            await request.reject_duplicate_fields()
            return await handle(request)

        return authenticated


def _require_admin_key(expected: bytes, sent: str) -> None:
    if not hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), expected):
        raise Unauthenticated("This is not the operator's key (VOXPORT_ADMIN_KEY).")


async def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


async def _request_id(request: Request) -> str:
    request_id: str = request.state.request_id
    return request_id


async def _customer(request: Request) -> Actor:
    return Actor(request.state.principal.key_id, request.state.request_id)


async def _operator(request: Request) -> Actor:
    return Actor("admin", request.state.request_id)


Caller = Annotated[Principal, Depends(_principal)]
RequestId = Annotated[str, Depends(_request_id)]
CustomerActor = Annotated[Actor, Depends(_customer)]
OperatorActor = Annotated[Actor, Depends(_operator)]

# For the OpenAPI document and the /docs page; the check itself is AuthenticatedRoute's.
KEY_SCHEMES = [
    Depends(
        HTTPBearer(
            auto_error=False,
            description="Paste your API key (`vxp_…`) without the word `Bearer`. Calls then send "
            "`Authorization: Bearer vxp_…`. One of the two forms is enough.",
        )
    ),
    Depends(
        APIKeyHeader(
            name="X-API-Key",
            auto_error=False,
            description="The same key in another header, for where a proxy uses `Authorization` for itself.",
        )
    ),
]


async def _read_body_slowly(request: Request) -> bool:
    """Read the body, which stays with the request; whether it took a while."""
    began = time.monotonic()
    try:
        await request.body()
    except ClientDisconnect:
        raise BadRequest("The connection broke before the whole body was there. Send it again.") from None
    return time.monotonic() - began > _SLOW_BODY_SECONDS


def _extract_key(request: Request) -> str:
    """Raises Unauthenticated where there is no key, or two different ones: which of them is meant nobody can know."""
    keys = {value.strip() for value in request.headers.getlist("x-api-key")}
    for header in request.headers.getlist("authorization"):
        scheme, _, value = header.strip().partition(" ")
        # Another scheme may be for a proxy in front; the key is in the other header then.
        if scheme.lower() == "bearer":
            keys.add(value.strip())
    keys.discard("")
    if len(keys) > 1:
        raise Unauthenticated(
            "Two different API keys were sent. Send one, in `Authorization: Bearer vxp_…` or in `X-API-Key: vxp_…`."
        )
    if not keys:
        raise Unauthenticated(_advice(request.headers.get("authorization", "").strip()))
    return keys.pop()


def _advice(authorization: str) -> str:
    """What to do about a call without a key."""
    if authorization.rpartition(" ")[2].startswith("vxp_"):
        return "The key stands without `Bearer`. Write the header as `Authorization: Bearer vxp_…`."
    if authorization.lower() == "bearer":
        return "There is no key behind `Bearer`: is the variable set? Send `Authorization: Bearer vxp_…`."
    return "Send an API key: `Authorization: Bearer vxp_…` or `X-API-Key: vxp_…`."
