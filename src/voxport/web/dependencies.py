"""How an endpoint gets the parts of the gateway that it needs."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request


def from_gateway(name: str) -> Any:
    """A dependency on the gateway's part of that name: `Annotated[Billing, from_gateway("billing")]`."""

    async def find(request: Request) -> Any:
        return getattr(request.app.state.gateway, name)

    return Depends(find)
