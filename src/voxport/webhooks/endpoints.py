"""/v2/webhooks/deliveries, /v2/webhooks/secret and /v2/billing/alert."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.billing.money import json_number, to_micro
from voxport.clock import iso
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit
from voxport.webhooks.alerts import BalanceAlerts
from voxport.webhooks.models import BalanceAlert, WebhookAttempt, WebhookDelivery
from voxport.webhooks.schemas import (
    AlertBody,
    AlertData,
    AlertRemovedBody,
    AlertRequest,
    Attempt,
    Delivery,
    DeliveryBody,
    DeliveryDetail,
    DeliveryList,
    DeliveryStatus,
    PreviousSecret,
    SecretBody,
    SecretData,
)
from voxport.webhooks.secrets import SigningSecret, SigningSecrets
from voxport.webhooks.service import Webhooks

router = APIRouter(prefix="/v2", tags=["webhooks"], route_class=AuthenticatedRoute)

WebhooksDep = Injected[Webhooks]
SecretsDep = Injected[SigningSecrets]
AlertsDep = Injected[BalanceAlerts]


@router.get("/webhooks/deliveries", summary="Your webhooks, newest first")
def list_deliveries(
    caller: Caller,
    webhooks: WebhooksDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only the webhooks of this status.")] = None,
    job_id: Annotated[str | None, Query(max_length=64, description="Only the webhooks of this job.")] = None,
) -> DeliveryList:
    page = webhooks.list(caller.profile_id, state=status, job_id=job_id, limit=limit, cursor=cursor)
    return DeliveryList(data=[Delivery(**_delivery_fields(row)) for row in page.rows], next_cursor=page.next_cursor)


@router.get("/webhooks/deliveries/{delivery_id}", summary="One webhook, and how each try went")
def get_delivery(delivery_id: str, caller: Caller, webhooks: WebhooksDep) -> DeliveryBody:
    return _detail(*webhooks.get(caller.profile_id, delivery_id))


@router.post("/webhooks/deliveries/{delivery_id}/resend", status_code=202, summary="Send it now, under the same id")
def resend_delivery(delivery_id: str, caller: Caller, webhooks: WebhooksDep) -> DeliveryBody:
    webhooks.resend(caller.profile_id, delivery_id)
    return _detail(*webhooks.get(caller.profile_id, delivery_id))


@router.get("/webhooks/secret", summary="What your webhooks are signed with")
def get_secret(caller: Caller, secrets: SecretsDep, response: Response) -> SecretBody:
    return _secret(secrets.active(caller.profile_id), response)


@router.post("/webhooks/secret/rotate", summary="Another secret; the one before signs too for 24 hours")
def rotate_secret(caller: Caller, secrets: SecretsDep, response: Response) -> SecretBody:
    return _secret(secrets.rotate(caller.profile_id), response)


@router.get("/billing/alert", summary="The alert of low credits")
def get_alert(caller: Caller, alerts: AlertsDep) -> AlertBody:
    return _alert(alerts.get(caller.profile_id))


@router.put("/billing/alert", summary="Be told when the balance falls below a threshold")
def put_alert(body: AlertRequest, caller: Caller, alerts: AlertsDep) -> AlertBody:
    below = to_micro(Decimal(str(body.below)))
    return _alert(alerts.put(caller.profile_id, below=below, webhook_url=body.webhook_url))


@router.delete("/billing/alert", summary="No longer be told of it")
def delete_alert(caller: Caller, alerts: AlertsDep) -> AlertRemovedBody:
    alerts.remove(caller.profile_id)
    return AlertRemovedBody()


def _delivery_fields(row: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "status": row.state,
        "url": row.url,
        "job_id": row.job_id,
        "created_at": iso(row.created_at),
        "finished_at": iso(row.ended_at) if row.ended_at else None,
        "next_attempt_at": iso(row.next_at) if row.state == "pending" else None,
        "attempt_count": row.attempt_count,
    }


def _detail(row: WebhookDelivery, attempts: Sequence[WebhookAttempt]) -> DeliveryBody:
    shown = [Attempt(at=iso(one.at), status=one.status, error=one.error, ms=one.ms) for one in attempts]
    return DeliveryBody(data=DeliveryDetail(**_delivery_fields(row), attempts=shown))


def _secret(active: Sequence[SigningSecret], response: Response) -> SecretBody:
    response.headers["Cache-Control"] = "no-store"
    current, *others = active
    previous = [PreviousSecret(secret=one.value, expires_at=iso(one.expires_at)) for one in others if one.expires_at]
    return SecretBody(data=SecretData(secret=current.value, created_at=iso(current.created_at), previous=previous))


def _alert(row: BalanceAlert) -> AlertBody:
    return AlertBody(
        data=AlertData(
            below=json_number(row.below),
            webhook_url=row.webhook_url,
            armed=row.is_armed,
            created_at=iso(row.created_at),
        )
    )
