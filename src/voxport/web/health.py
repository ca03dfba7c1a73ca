"""Liveness and readiness endpoints."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

router = APIRouter(tags=["health"])
_CACHE_SECONDS = 1.0
_STARTING_CACHE_SECONDS = 0.1
"""Used instead while something starts, so that the end of the start is not reported a second late."""
_log = logging.getLogger("voxport.health")


class Readiness:
    """Runs all checks, at most once a second (ten times a second while something starts), however often unauthenticated
    clients ask. Requests that wait for the results occupy no thread."""

    def __init__(self, checks: dict[str, Callable[[], Any]]) -> None:
        self._checks = checks
        self._results: dict[str, str] = {}
        self._cached_until = 0.0
        self._lock = asyncio.Lock()

    async def results(self) -> dict[str, str]:
        """Return `ok`, `starting` or `failing` by name of the check."""
        async with self._lock:
            if time.monotonic() >= self._cached_until:
                self._results = await run_in_threadpool(self._run_checks)
                is_starting = "starting" in self._results.values()
                self._cached_until = time.monotonic() + (_STARTING_CACHE_SECONDS if is_starting else _CACHE_SECONDS)
            return self._results

    def _run_checks(self) -> dict[str, str]:
        return {name: _check_result(name, check) for name, check in self._checks.items()}


@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Database, storage and engine are ready", responses={503: {}})
async def readyz(request: Request) -> JSONResponse:
    readiness: Readiness = request.app.state.readiness
    results = await readiness.results()
    ready = all(result == "ok" for result in results.values())
    # A hosted provider that is down doesn't affect the others: it is reported, but the gateway is ready.
    circuits = {one.name: state for one in request.app.state.providers.all() if (state := one.circuit()) is not None}
    body = {"status": "ready" if ready else "not_ready", "checks": results, "circuits": circuits}
    return JSONResponse(body, 200 if ready else 503)


def _check_result(name: str, check: Callable[[], Any]) -> str:
    """Return `ok`, `starting` (the check returned False) or `failing` (it raised; the reason is logged)."""
    try:
        return "starting" if check() is False else "ok"
    except Exception:
        _log.exception("not ready", extra={"check": name})
        return "failing"
