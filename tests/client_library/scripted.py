"""Clients whose gateway answers by a script, and whose pauses are recorded and not slept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httpx2

from voxport_client import Voxport

BASE = "http://gateway.test"
Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]
SPOKEN: dict[str, Any] = {
    "status": "success",
    "data": {"url": f"{BASE}/f", "key": "k", "folder_id": None, "provider": "local", "voice_id": "v"}
    | {"duration_seconds": 2.1, "cloned_voice_id": None},
    "usage": {"units": 2.1, "unit_type": "second"},
    "cost": {"units": 2.1, "unit_price": 0.01, "tokens": 0.021, "balance": 96.97},
}


class Script:
    """Gives each answer once, in order. `requests` and `pauses` say what the client did."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)

    def client(self, **options: Any) -> Voxport:
        http = httpx2.Client(transport=httpx2.MockTransport(self.handle))
        client = Voxport(**{"api_key": "vxp_secret", "base_url": BASE, "http_client": http, **options})
        client._transport.sleep = self.pauses.append
        return client

    def keys(self) -> set[str | None]:
        return {request.headers.get("Idempotency-Key") for request in self.requests}


def ok(body: Any = None, status: int = 200, **headers: str) -> httpx2.Response:
    named = {"X-Gateway-Request-ID": "req_1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx2.Response(status, headers=named, json=SPOKEN if body is None else body)


def refused(status: int, code: str, details: dict[str, Any] | None = None, **headers: str) -> httpx2.Response:
    error = {"code": code, "message": f"This is {code}.", "request_id": "req_2", "details": details or {}}
    return ok({"status": "error", "error": error}, status, **headers)
