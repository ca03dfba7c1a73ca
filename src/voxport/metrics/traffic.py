"""Counts and times the requests of this process, by route."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import Scope

from voxport.telemetry.metrics import FIRST_AUDIO_BUCKETS, LONG_BUCKETS

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


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
            buckets=LONG_BUCKETS,
            registry=registry,
        )
        self._first_audio = Histogram(
            "voxport_time_to_first_audio_seconds",
            "From the head of a request to the first bytes of its audio stream.",
            ("route", "provider"),
            buckets=FIRST_AUDIO_BUCKETS,
            registry=registry,
        )

    def on_request_end(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def on_first_audio(self, scope: Scope, provider: str, seconds: float) -> None:
        self._first_audio.labels(_route(scope), provider).observe(seconds)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")
