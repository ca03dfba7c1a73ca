"""Checks the API key before the body of a request is read."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
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
    """A route for callers with a key. Checks the key and its rate limit before it reads the body, so that
    unauthenticated clients learn nothing about the shape of a request."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **_with_security(options))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(original: Request) -> Response:
            request = JsonRequest(original.scope, original.receive)
            limits: RateLimits = request.app.state.rate_limits
            request.state.principal = await self.authenticate(request)
            await limits.count(request, request.state.principal.key_id)
            if await _read_body_slowly(request):
                # The key may have been revoked while the body was read.
                await self.authenticate(request)
            await request.reject_duplicate_fields()
            return await self.handle_request(request, handle)

        return authenticated

    async def authenticate(self, request: Request) -> Principal:
        """Return the caller. Raises Unauthenticated, Forbidden, RateLimited."""
        limits: RateLimits = request.app.state.rate_limits
        return await limits.admit(request, extract_key, service_of(request, Accounts).authenticate)

    async def handle_request(
        self, request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """Handle a request whose key was checked; subclasses override it."""
        return await handle(request)


class AdminRoute(APIRoute):
    """A route for the operator, whose key is a setting. Refuses customers' keys."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **_with_security(options))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(original: Request) -> Response:
            request = JsonRequest(original.scope, original.receive)
            expected = service_of(request, Settings).admin_key
            assert expected is not None  # the route exists only if the key is set
            limits: RateLimits = request.app.state.rate_limits
            await limits.admit(request, extract_key, partial(_require_admin_key, expected.get_secret_value().encode()))
            await _read_body_slowly(request)
            await request.reject_duplicate_fields()
            return await handle(request)

        return authenticated


def _require_admin_key(expected: bytes, sent: str) -> None:
    if not hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), expected):
        raise Unauthenticated("This is not the operator's key (VOXPORT_ADMIN_KEY).")


def _with_security(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "openapi_extra": {**_SECURITY, **(options.get("openapi_extra") or {})}}


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


# For the OpenAPI document and the /docs page; the check itself is the routes'.
SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "HTTPBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "Paste your API key (`vxp_…`) without the word `Bearer`. Calls then send "
        "`Authorization: Bearer vxp_…`. One of the two forms is enough.",
    },
    "APIKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key in another header, for where a proxy uses `Authorization` for itself.",
    },
}
_SECURITY: Final[dict[str, Any]] = {"security": [{name: []} for name in SECURITY_SCHEMES]}


async def _read_body_slowly(request: Request) -> bool:
    """Read the body, which the request keeps. Returns whether it took over `_SLOW_BODY_SECONDS`. Raises BadRequest if
    the client disconnects."""
    began = time.monotonic()
    try:
        await request.body()
    except ClientDisconnect:
        raise BadRequest("The connection broke before the whole body was there. Send it again.") from None
    return time.monotonic() - began > _SLOW_BODY_SECONDS


def extract_key(request: Request) -> str:
    """Return the key that was sent. Raises Unauthenticated if there is none, or two different, thus ambiguous, ones."""
    keys = {value.strip() for value in request.headers.getlist("x-api-key")}
    for header in request.headers.getlist("authorization"):
        scheme, _, value = header.strip().partition(" ")
        # Another scheme may be meant for a proxy in front, with the key in `X-API-Key`.
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
    """Return the message for a call without a key."""
    if authorization.rpartition(" ")[2].startswith("vxp_"):
        return "The key stands without `Bearer`. Write the header as `Authorization: Bearer vxp_…`."
    if authorization.lower() == "bearer":
        return "There is no key behind `Bearer`: is the variable set? Send `Authorization: Bearer vxp_…`."
    return "Send an API key: `Authorization: Bearer vxp_…` or `X-API-Key: vxp_…`."
