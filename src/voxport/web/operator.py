"""The check of the operator's own key, which no profile has."""

from __future__ import annotations

import hmac

from fastapi import Depends, Request

from voxport.errors import NotFound, Unauthenticated
from voxport.settings import Settings
from voxport.web.ratelimits import RateLimits


async def _operator(request: Request) -> None:
    """Raises NotFound where no such key is set, so that a stranger learns nothing, Unauthenticated for another one,
    RateLimited after too many of those."""
    settings: Settings = request.app.state.gateway.settings
    if settings.admin_key is None:
        raise NotFound("There is nothing at this path. GET /docs lists what there is.")
    right = settings.admin_key.get_secret_value().encode()

    def check(sent: str) -> None:
        if not hmac.compare_digest(sent.encode(), right):
            raise _not_the_operator()

    limits: RateLimits = request.app.state.rate_limits
    await limits.admit(request, _key_of, check)


def _key_of(request: Request) -> str:
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise _not_the_operator()
    return sent.strip()


def _not_the_operator() -> Unauthenticated:
    return Unauthenticated("Send the operator's key (VOXPORT_ADMIN_KEY): `Authorization: Bearer …`.")


OPERATOR = Depends(_operator)
