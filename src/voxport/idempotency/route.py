"""Route class of billed endpoints: replays the stored response of a repeated call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.errors import Invalid
from voxport.idempotency.claim import IdempotentRequest, KeyClaim, ReplayableResponse
from voxport.idempotency.service import Idempotency
from voxport.web.dependencies import service_of
from voxport.web.open_file import OpenFileResponse
from voxport.web.params import header_parameter


class BilledRoute(AuthenticatedRoute):
    async def handle_request(
        self, request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        request.state.claim = None
        keys = request.headers.getlist("idempotency-key")
        if not keys:
            return await handle(request)
        if len(keys) > 1:
            raise Invalid("Send one Idempotency-Key.", location=("header", "Idempotency-Key"))
        idempotency = service_of(request, Idempotency)
        idempotent_request = IdempotentRequest(
            profile_id=request.state.principal.profile_id,
            request_id=request.state.request_id,
            method=request.method,
            path=request.url.path,
            key=keys[0],
            body=await request.body(),
            preference=",".join(request.headers.getlist("prefer")),
        )
        found = await run_in_threadpool(idempotency.begin, idempotent_request)
        if isinstance(found, KeyClaim):
            request.state.claim = found
            return await handle(request)
        if found.file_key is None:
            return json_response(found)
        return OpenFileResponse(
            await run_in_threadpool(idempotency.open_file, found), found.status, headers=found.headers
        )


def json_response(answer: ReplayableResponse) -> JSONResponse:
    return JSONResponse(answer.body, answer.status, headers=answer.headers)


Renderer = Callable[[Any], ReplayableResponse]


_DESCRIPTION = (
    "Any text of your own, up to 255 characters, such as a UUID. The same call sent again with it within 24 hours "
    "gives the first answer again and costs nothing."
)
IDEMPOTENCY_KEY_PARAMETER = header_parameter("Idempotency-Key", _DESCRIPTION)
"""For the document of an endpoint that calls `claim_of`."""


def claim_of(request: Request, render: Renderer) -> Claim:
    """Set the renderer of a request's claim, and return the claim for the service."""
    found: KeyClaim | None = request.state.claim
    if found is None:
        return NO_CLAIM
    found.render = render
    return found


async def _claim_factory(
    request: Request, _key: Annotated[str | None, Header(alias="Idempotency-Key", description=_DESCRIPTION)] = None
) -> Callable[[Renderer], Claim]:
    return partial(claim_of, request)


ClaimFactory = Annotated[Callable[[Renderer], Claim], Depends(_claim_factory)]
