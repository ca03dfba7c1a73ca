"""Injects services into endpoints."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends, Request

T = TypeVar("T")


def service_of(request: Request, kind: type[T]) -> T:
    """Return the application's object of this type."""
    service: T = request.app.state.services[kind]
    return service


if TYPE_CHECKING:
    Injected = Annotated[T, "a dependency"]
else:

    class Injected:
        """The type of an endpoint's parameter that is a service: `billing: Injected[Billing]`."""

        @classmethod
        @cache
        def __class_getitem__(cls, kind: type) -> Any:
            async def find(request: Request) -> Any:
                return service_of(request, kind)

            return Annotated[kind, Depends(find)]
