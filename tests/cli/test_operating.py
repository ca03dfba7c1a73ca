"""The operator's commands: money, keys, suspension, erasure, the audit log, backup and restore."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.test_commands import command, refused
from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from voxport.errors import Forbidden, Unauthenticated


@pytest.fixture
def customer(tmp_path: Path, make_gateway: MakeGateway) -> GatewayClient:
    """A customer of the gateway in ./data, charged 3 tokens for the request req_call."""
    client = open_client(make_gateway(data_dir=tmp_path / "data"))
    billing, database = client.gateway.billing, client.gateway.database
    with database.transaction() as tx:
        hold = billing.hold(
            tx, profile_id=client.profile_id, service="core-tts", amount=5_000_000, request_id="req_call"
        )
        billing.capture(tx, hold, units=Decimal(300))
    return client


def test_a_call_is_refunded_by_its_request_or_its_charge_and_never_twice(
    tmp_path: Path, customer: GatewayClient
) -> None:
    profile = customer.profile_id
    part = ("admin", "credits", "refund", "req_call", "--amount", "1", "--reference", "ticket-1")
    assert command(*part, cwd=tmp_path).stdout == f"{profile} has 98.000000 tokens\n"
    again = command(*part, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, f"{profile} has 98.000000 tokens\n")
    assert "booked before" in again.stderr
    charge = customer.get("/v2/billing/ledger").json()["data"][1]["id"]
    assert command("admin", "credits", "refund", charge, cwd=tmp_path).stdout == f"{profile} has 100.000000 tokens\n"
    refused(command("admin", "credits", "refund", "req_call", cwd=tmp_path), "0.000000 tokens")
    refused(command("admin", "credits", "refund", "req_nobody", cwd=tmp_path), "no such charge")
    assert command("admin", "ledger", "verify", cwd=tmp_path).stdout == "ledger clean\n"


def test_an_adjustment_takes_what_is_there_and_no_more(tmp_path: Path, customer: GatewayClient) -> None:
    taken = command("admin", "credits", "adjust", customer.profile_id, "-97", "--note", "gone", cwd=tmp_path)
    assert taken.stdout == f"{customer.profile_id} has 0.000000 tokens\n"
    refused(
        command("admin", "credits", "adjust", customer.profile_id, "-0.000001", "--note", "x", cwd=tmp_path), "at most"
    )
    assert command("admin", "credits", "adjust", customer.profile_id, "5", cwd=tmp_path).returncode == 2  # no note


def test_a_profile_is_suspended_resumed_and_shown(tmp_path: Path, customer: GatewayClient) -> None:
    customer.upload(b"x" * 1234)
    assert len(customer.get("/v1/media").json()["data"]) == 1  # a gateway on S3 counts it from this look
    assert command("admin", "profiles", "suspend", customer.profile_id, cwd=tmp_path).stdout.endswith("suspended\n")
    with pytest.raises(Forbidden):
        customer.gateway.accounts.authenticate(customer.key)
    shown = command("admin", "profiles", "show", customer.profile_id, cwd=tmp_path).stdout
    for words in ("suspended", "97.000000", "1 (1,234 bytes)"):
        assert words in shown
    assert "1234" in command("admin", "profiles", "stored", cwd=tmp_path).stdout
    assert command("admin", "profiles", "resume", customer.profile_id, cwd=tmp_path).stdout.endswith("resumed\n")
    assert customer.gateway.accounts.authenticate(customer.key) == customer.principal


def test_a_key_is_rotated_and_the_new_one_is_all_that_standard_output_has(
    tmp_path: Path, customer: GatewayClient
) -> None:
    result = command("admin", "keys", "rotate", customer.key_id, cwd=tmp_path)
    assert re.fullmatch(r"vxp_\w{38}\n", result.stdout)
    accounts = customer.gateway.accounts
    assert accounts.authenticate(result.stdout.strip()).profile_id == customer.profile_id
    assert accounts.authenticate(customer.key).profile_id == customer.profile_id
    refused(command("admin", "keys", "rotate", customer.key_id, cwd=tmp_path), "rotated before")
    second = accounts.list_keys(customer.profile_id)[-1].id
    command("admin", "keys", "rotate", second, "--at-once", cwd=tmp_path)
    with pytest.raises(Unauthenticated):
        accounts.authenticate(result.stdout.strip())


def test_a_profile_is_erased_only_when_it_is_meant(tmp_path: Path, customer: GatewayClient) -> None:
    asked = command("admin", "profiles", "erase", customer.profile_id, cwd=tmp_path)
    assert asked.returncode == 1
    assert customer.get("/v2/billing/balance").status_code == 200
    erased = command("admin", "profiles", "erase", customer.profile_id, "--yes", cwd=tmp_path)
    assert (erased.returncode, erased.stdout) == (0, f"{customer.profile_id} erased\n")
    assert customer.get("/v2/billing/balance").status_code == 401
    refused(command("admin", "keys", "create", customer.profile_id, cwd=tmp_path), "is erased")
    refused(command("admin", "profiles", "erase", "prof_nobody", "--yes", cwd=tmp_path), "no profile")


def test_the_audit_log_is_listed_proved_and_exported(tmp_path: Path, customer: GatewayClient) -> None:
    command("admin", "keys", "create", customer.profile_id, cwd=tmp_path)
    listed = command("admin", "audit", "list", customer.profile_id, cwd=tmp_path).stdout
    assert re.search(r"cli +key\.create", listed)
    whole = command("admin", "audit", "verify", cwd=tmp_path).stdout
    noted = whole.removeprefix("audit log whole, ").strip()
    assert re.fullmatch(r"4:[0-9a-f]{64}", noted)
    assert command("admin", "audit", "verify", "--noted", noted, cwd=tmp_path).returncode == 0
    wrong = command("admin", "audit", "verify", "--noted", f"4:{'0' * 64}", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (1, "row 4: its hash is not the one that was noted\n")
    assert command("admin", "audit", "verify", "--noted", "4", cwd=tmp_path).returncode == 2
    lines = command("admin", "audit", "export", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3, 4]
    assert command("admin", "consents", "list", cwd=tmp_path).stdout.startswith("AT")


def test_a_backup_is_taken_proved_and_restored(tmp_path: Path, customer: GatewayClient) -> None:
    assert command("admin", "backup", "kept", cwd=tmp_path).returncode == 0
    assert command("admin", "backup", "kept", "--verify", cwd=tmp_path).stdout == "backup whole\n"
    refused(command("admin", "backup", "kept", cwd=tmp_path), "there already")
    refused(command("admin", "restore", "kept", cwd=tmp_path), "not empty")
    assert command("admin", "restore", "kept", "--data-dir", "new", cwd=tmp_path).returncode == 0
    assert command("admin", "ledger", "verify", "--data-dir", "new", cwd=tmp_path).stdout == "ledger clean\n"
    (tmp_path / "kept" / "secret.key").write_text("spoilt")
    damaged = command("admin", "backup", "kept", "--verify", cwd=tmp_path)
    assert (damaged.returncode, damaged.stdout) == (1, "secret.key was changed: it is not what the manifest says\n")
