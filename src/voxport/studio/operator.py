"""What the operator's screen of the Studio shows beside /v2/admin: the providers' states and the check of the ledger.

Exists only if VOXPORT_ADMIN_KEY is set, and takes that key alone.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from voxport.accounts.authentication import AdminRoute
from voxport.clock import iso
from voxport.providers.registry import Registry
from voxport.reconciliation.service import Reconciliation
from voxport.web.dependencies import Injected
from voxport.web.schemas import Success

router = APIRouter(include_in_schema=False, route_class=AdminRoute)
_MAX_SHOWN: Final = 50


class ProviderHealth(BaseModel):
    provider: str
    available: bool
    reason: str | None = Field(description="Why it can't be used; null where it can.")
    circuit: str | None = Field(description="`closed`, `open` or `half_open`; null of one that has no circuit.")


class LastLedgerCheck(BaseModel):
    checked_at: str
    seconds: float
    problems: int


class OperatorStateData(BaseModel):
    providers: list[ProviderHealth]
    ledger: LastLedgerCheck | None = Field(description="The worker's last check; null before the first.")


class OperatorStateBody(BaseModel):
    status: Success = "success"
    data: OperatorStateData


class LedgerCheckData(BaseModel):
    problems: int
    sentences: list[str] = Field(description="The first of them, each a sentence that names the row.")


class LedgerCheckBody(BaseModel):
    status: Success = "success"
    data: LedgerCheckData


@router.get("/studio/operator")
def state(providers: Injected[Registry], reconciliation: Injected[Reconciliation]) -> OperatorStateBody:
    rows = []
    for provider in providers.all():
        reason = provider.unavailable_reason()
        rows.append(
            ProviderHealth(provider=provider.name, available=reason is None, reason=reason, circuit=provider.circuit())
        )
    last = reconciliation.last_check()
    ledger = (
        None
        if last is None
        else LastLedgerCheck(checked_at=iso(last.checked_at), seconds=last.seconds, problems=last.problems)
    )
    return OperatorStateBody(data=OperatorStateData(providers=rows, ledger=ledger))


@router.post("/studio/operator/ledger")
def check_ledger(reconciliation: Injected[Reconciliation]) -> LedgerCheckBody:
    """Verify the ledger now, as `voxport ledger verify` does. Reads only."""
    problems = reconciliation.verify()
    return LedgerCheckBody(data=LedgerCheckData(problems=len(problems), sentences=problems[:_MAX_SHOWN]))
