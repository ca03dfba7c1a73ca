"""Counts and times the requests of this process, by route."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import Scope

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The response to a clone takes milliseconds, a long text takes minutes.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class RequestMetrics:
    """Counts requests and measures their duration. Clients can't choose label values: the route is a template
    (`/v2/jobs/{job_id}`) or `none`, and an unknown method is `other`. Status 0 means that the client disconnected
    before the response."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "voxport_http_requests", "Requests by how they ended.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "voxport_http_request_seconds",
            "From a request's head to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )

    def on_request_end(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
