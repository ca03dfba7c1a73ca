"""How a double answers a request: it is written down, meets its fault, and an error of its own becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from voxport.testing.doubles.faults import Faults, after, before

Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """Raised by a handler for an answer that is an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Serving:
    """`requests`: what was asked so far, as (method, path)."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []

    def served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            fault = self.faults.take(request)
            early = await before(fault)
            if early is not None:
                return early
            request.state.fault = fault
            try:
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            return await after(fault, response)

        return serve
