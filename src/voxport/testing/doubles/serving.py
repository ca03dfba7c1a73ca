"""How a double answers a request: it is written down, meets its fault, and an error of its own becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from voxport.testing.doubles.faults import Faults, after, before

Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """Raised by a handler for an answer that is an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Serving:
    """`requests`: what was asked so far, as (method, path). `watch` is told of each request when it comes (`before`),
    and when its work is done and not yet answered (`after`)."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.watch: Callable[[Request, str], None] = lambda _request, _when: None

    def served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            self.watch(request, "before")
            fault = self.faults.take(request)
            early = await before(fault)
            if early is not None:
                return early
            request.state.fault = fault
            try:
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            except ClientDisconnect:  # nobody is there to be answered
                return Response(status_code=400)
            self.watch(request, "after")
            return await after(fault, response)

        return serve
