"""GET /metrics, for the operator's Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from voxport.accounts.authentication import AdminRoute
from voxport.telemetry.metrics import REGISTRY as PROCESS_REGISTRY

router = APIRouter(tags=["operator"], route_class=AdminRoute)


@router.get("/metrics", summary="For Prometheus; needs VOXPORT_ADMIN_KEY", include_in_schema=False)
def metrics(request: Request) -> Response:
    registry: CollectorRegistry = request.app.state.metrics
    return Response(generate_latest(registry) + generate_latest(PROCESS_REGISTRY), media_type=CONTENT_TYPE_LATEST)
