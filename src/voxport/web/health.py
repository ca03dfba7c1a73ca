"""Whether the process lives, and whether it can work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(tags=["health"])
_log = logging.getLogger("voxport.health")


@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Database, storage and engine are ready", responses={503: {}})
def readyz(request: Request) -> JSONResponse:
    checks: dict[str, Callable[[], Any]] = request.app.state.readiness
    results = {name: _result(name, check) for name, check in checks.items()}
    ready = all(result == "ok" for result in results.values())
    # A hosted provider that is down takes nothing from the others: it is told, and the gateway is ready.
    circuits = {one.name: state for one in request.app.state.providers.all() if (state := one.circuit()) is not None}
    body = {"status": "ready" if ready else "not_ready", "checks": results, "circuits": circuits}
    return JSONResponse(body, 200 if ready else 503)


def _result(name: str, check: Callable[[], Any]) -> str:
    """`ok`, `starting` (a check that answers False), or `failing`; the reason is in the log."""
    try:
        return "starting" if check() is False else "ok"
    except Exception:
        _log.exception("not ready", extra={"check": name})
        return "failing"
