"""The base of a double: logs each request, applies its fault, and converts an error to a response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from voxport.testing.doubles.faults import Faults, apply_after, apply_before

Handler = Callable[[Request], Awaitable[Response]]


class ErrorAnswer(Exception):
    """Raised by a handler to send an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class DoubleServer:
    """Base class of the doubles.

    `requests` logs the requests as (method, path). `on_request` is called with "before" when a request arrives, and
    with "after" when its work is done but not yet answered.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.on_request: Callable[[Request, str], None] = lambda _request, _when: None

    def handled(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            self.on_request(request, "before")
            fault = self.faults.take(request)
            early = await apply_before(fault)
            if early is not None:
                return early
            request.state.fault = fault
            try:
                response = await handler(request)
            except ErrorAnswer as refused:
                response = refused.response
            except ClientDisconnect:  # the client is gone
                return Response(status_code=400)
            self.on_request(request, "after")
            return await apply_after(fault, response)

        return serve
