"""CORS: allows calls from browsers only for the origins that the operator named."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from voxport.errors import Forbidden
from voxport.web.requests import send_error

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-API-Key",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "If-Unmodified-Since",
)
_EXPOSED_HEADERS = (
    *(
        "Content-Language",
        "Content-Range",
        "ETag",
        "Idempotent-Replayed",
        "Location",
        "Preference-Applied",
        "RateLimit",
        "RateLimit-Policy",
        "X-Gateway-Cache",
    ),
    *("Retry-After", "X-Gateway-Credit-Balance", "X-Gateway-Hold", "X-Gateway-Request-ID", "X-Gateway-Token-Cost"),
    *("X-Gateway-Units", "X-Provider", "X-Text-Length", "X-Used-Voice-Id", "X-Voxport-Warnings"),
)


class ApiCorsMiddleware:
    """Starlette's CORS middleware, except that refused preflights get the API's error body. Credentials are never
    allowed, since keys are sent in headers and not in cookies."""

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...]) -> None:
        self._middleware = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
            allow_credentials=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                response: Response = self._middleware.preflight_response(request_headers=headers)
                if response.status_code != 200:
                    error = Forbidden("This origin, method or header is not allowed from a browser.")
                    await send_error(error, scope, send)
                    return
                await response(scope, Request(scope, receive).receive, send)
                return
        await self._middleware(scope, receive, send)
