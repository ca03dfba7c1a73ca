"""How a double answers a request: it is written down, meets its fault, and an error of its own becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from voxport.testing.doubles.faults import Faults, apply_after, apply_before

Handler = Callable[[Request], Awaitable[Response]]


class ErrorAnswer(Exception):
    """Raised by a handler for an answer that is an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class DoubleServer:
    """`requests`: what was asked so far, as (method, path). `on_request` is told of each request when it comes
    (`apply_before`), and when its work is done and not yet answered (`apply_after`)."""

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
            except ClientDisconnect:  # nobody is there to be answered
                return Response(status_code=400)
            self.on_request(request, "after")
            return await apply_after(fault, response)

        return serve
