"""The operator's own calls of the Studio: the providers' states, and the ledger's check on demand."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from tests.conftest import MakeClient
from tests.studio.studio_env import ADMIN_KEY
from tests.support.client import GatewayClient, error_of
from voxport.billing.models import Balance
from voxport.reconciliation.service import Reconciliation

STATE, LEDGER = "/studio/operator", "/studio/operator/ledger"
HEADERS = {"Authorization": f"Bearer {ADMIN_KEY}"}


def test_the_operator_sees_providers_and_the_last_check_and_checks_again(make_client: MakeClient) -> None:
    client = make_client(admin_key=ADMIN_KEY)
    state = client.http.get(STATE, headers=HEADERS).json()["data"]
    by_name = {row["provider"]: row for row in state["providers"]}
    assert by_name["local"]["circuit"] is None
    assert by_name["elevenlabs"]["available"] is False
    assert "KEY" in by_name["elevenlabs"]["reason"]
    assert state["ledger"] is None
    gateway = client.gateway
    Reconciliation(gateway.database, gateway.leases, interval=timedelta(hours=1)).check_if_due()
    assert client.http.get(STATE, headers=HEADERS).json()["data"]["ledger"]["problems"] == 0
    assert client.http.post(LEDGER, headers=HEADERS).json()["data"] == {"problems": 0, "sentences": []}
    with gateway.database.transaction() as tx:
        tx.execute(update(Balance).values(credits=Balance.credits + 1))
    found = client.http.post(LEDGER, headers=HEADERS).json()["data"]
    assert found["problems"] > 0
    assert client.profile_id in found["sentences"][0]


def test_customers_and_gateways_without_an_operator_s_key_have_none_of_it(
    make_client: MakeClient, client: GatewayClient
) -> None:
    assert client.get(STATE).status_code == 404
    guarded = make_client(admin_key=ADMIN_KEY)
    assert error_of(guarded.get(STATE))["code"] == "unauthenticated"
    assert guarded.http.post(LEDGER).status_code == 401
    assert STATE not in guarded.http.get("/openapi.json").json()["paths"]
