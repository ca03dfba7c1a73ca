"""The check of the operator's own key, which no profile has."""

from __future__ import annotations

import hmac

from fastapi import Depends, Request

from voxport.errors import NotFound, Unauthenticated
from voxport.settings import Settings


async def _operator(request: Request) -> None:
    """Raises NotFound where no such key is set, so that a stranger learns nothing, Unauthenticated for another one."""
    settings: Settings = request.app.state.gateway.settings
    if settings.admin_key is None:
        raise NotFound("There is nothing at this path. GET /docs lists what there is.")
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    right = settings.admin_key.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), right):
        raise Unauthenticated("Send the operator's key (VOXPORT_ADMIN_KEY): `Authorization: Bearer …`.")


OPERATOR = Depends(_operator)
