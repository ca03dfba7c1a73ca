"""Route class of the endpoint that is called most: what the framework and a thread of its own would take is saved."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import Request, Response

from voxport.accounts.authentication import extract_key
from voxport.accounts.rate_limits import RateLimits
from voxport.accounts.service import Accounts, Principal
from voxport.errors import Unauthenticated
from voxport.idempotency.route import BilledRoute
from voxport.web.dependencies import service_of
from voxport.web.json_body import JsonRequest

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(BilledRoute):
    """For endpoints whose parameters are the body and the request, and which call `require_key` first in the thread
    that they begin their work in. A body that is as it should be reaches the endpoint directly; every other goes the
    framework's way, which reports what is wrong.

    A key that this process has found valid before is checked again only by `require_key`, so that the check needs no
    thread of its own. An error before that is replaced by the key's, if that is not valid any more."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_and_check(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated:
                if _check_of(request) is not None:
                    await _limits(request).count_refused(request.scope)
                raise
            except Exception:
                check = _check_of(request)
                if check is not None and not check.is_done:
                    await super(DirectRoute, self).authenticate(request)
                raise

        return handle_and_check

    async def authenticate(self, request: Request) -> Principal:
        if "idempotency-key" not in request.headers:
            key, principal = _limits(request).find_known(request, extract_key) or ("", None)
            if isinstance(principal, Principal):  # not the operator's key, which is none here
                request.state.key_check = _KeyCheck(partial(service_of(request, Accounts).authenticate, key))
                return principal
        return await super().authenticate(request)

    async def handle_request(self, request: Request, handle: Handler) -> Response:
        return await super().handle_request(request, partial(self._call_endpoint, handle))

    async def _call_endpoint(self, handle: Handler, request: Request) -> Response:
        assert isinstance(request, JsonRequest)
        assert self.body_field is not None
        if request.is_parsed:
            body, errors = self.body_field.validate(await request.json(), {}, loc=("body",))
            if not errors:
                response: Response = await self.endpoint(body, request)
                return response
        return await handle(request)


class _KeyCheck:
    """The check of a key that was put off."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check
        self.is_done = False

    def run(self) -> None:
        self.is_done = True
        self._check()


def require_key(request: Request) -> None:
    """Check the key of a request to a DirectRoute, if that was put off. Call it in a thread, before the call has any
    effect. Raises Unauthenticated, Forbidden."""
    check = _check_of(request)
    if check is not None:
        check.run()


def _check_of(request: Request) -> _KeyCheck | None:
    return getattr(request.state, "key_check", None)


def _limits(request: Request) -> RateLimits:
    limits: RateLimits = request.app.state.rate_limits
    return limits
