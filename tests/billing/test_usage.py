"""GET /v2/billing/usage: charges by service, day, voice and key, on SQLite and on Postgres."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from voxport.accounts.service import Principal
from voxport.billing import service as billing_service
from voxport.billing.models import Hold, LedgerTransaction
from voxport.billing.usage import Period, usage
from voxport.catalog import ServiceName
from voxport.cloning.service import CloneRequest
from voxport.gateway import Gateway
from voxport.ids import new_id

USAGE = "/v2/billing/usage"
TTS = "/v1/proxy/core-tts"
TOKEN = 1_000_000


class BilledCustomer:
    """A customer whose calls are charged at times that the test chooses."""

    def __init__(self, client: GatewayClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = client
        self._clock = monkeypatch

    def charge(
        self,
        moment: str,
        *,
        units: int = 1,
        service: ServiceName = "core-tts",
        key_id: str | None = "key_a",
        voice_id: str | None = None,
    ) -> str:
        """Charges a call at `moment`; returns its request id."""
        self._clock.setattr(billing_service, "now", lambda: datetime.fromisoformat(moment).astimezone(UTC))
        billing, request_id = self.client.gateway.billing, new_id("req")
        with self.client.gateway.database.transaction() as tx:
            hold_id = billing.hold(
                tx,
                profile_id=self.client.profile_id,
                service=service,
                amount=10 * TOKEN,
                request_id=request_id,
                key_id=key_id,
                voice_id=voice_id,
            )
            billing.capture(tx, hold_id, units=Decimal(units))
        return request_id

    def refund(self, request_id: str, tokens: int) -> None:
        """Writes the row of an operator's refund, dated after all charges."""
        row = {
            "id": new_id("led"),
            "profile_id": self.client.profile_id,
            "created_at": datetime(2027, 1, 1, tzinfo=UTC),
            "kind": "refund",
            "service": "core-tts",
            "request_id": request_id,
            "micro_units": None,
            "tokens": tokens,
            "balance_after": 0,
        }
        with self.client.gateway.database.transaction() as tx:
            tx.execute(insert(LedgerTransaction).values(row))

    def rows(self, query: str = "") -> list[tuple[Any, ...]]:
        answer = self.client.get(f"{USAGE}?{query}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "success"
        return [tuple(row.values()) for row in answer.json()["data"]]


@pytest.fixture
def billed(both: GatewayClient, monkeypatch: pytest.MonkeyPatch) -> BilledCustomer:
    return BilledCustomer(both, monkeypatch)


def test_nothing_was_used_by_someone_new(billed: BilledCustomer) -> None:
    for group_by in ("service", "day", "voice", "key"):
        assert billed.rows(f"group_by={group_by}") == []


def test_charges_are_summed_by_service_day_voice_and_key(billed: BilledCustomer) -> None:
    billed.charge("2026-04-27T23:59:59.999999+00:00", units=3, voice_id="v1")
    billed.charge("2026-04-28T00:00:00+00:00", units=4, voice_id="v2", key_id="key_b")
    billed.charge("2026-04-28T12:00:00+00:00", units=1, service="core-voice-clone", voice_id="v2")
    billed.charge("2026-04-28T13:00:00+00:00", units=1, service="core-instant-clone-tts", key_id=None)
    assert billed.rows() == [
        ("core-instant-clone-tts", 1, 1.0, 2.0),
        ("core-tts", 2, 7.0, 0.07),
        ("core-voice-clone", 1, 1.0, 5.0),
    ]
    assert billed.rows("group_by=day") == [("2026-04-27", 1, 3.0, 0.03), ("2026-04-28", 3, 6.0, 7.04)]
    assert billed.rows("group_by=voice") == [("", 1, 1.0, 2.0), ("v1", 1, 3.0, 0.03), ("v2", 2, 5.0, 5.04)]
    assert billed.rows("group_by=key") == [("", 1, 1.0, 2.0), ("key_a", 2, 4.0, 5.03), ("key_b", 1, 4.0, 0.04)]


def test_a_day_is_one_of_utc_whatever_the_zone_of_the_charge(billed: BilledCustomer) -> None:
    billed.charge("2026-04-28T01:00:00+05:00")
    assert billed.rows("group_by=day") == [("2026-04-27", 1, 1.0, 0.01)]


@pytest.mark.parametrize(
    ("query", "units"),
    [
        ("from=2026-04-27", [1, 2, 4]),
        ("from=2026-04-28", [2, 4]),
        ("from=2026-04-28T10:30:00Z", [2, 4]),
        ("from=2026-04-28T10:30:00.000001Z", [4]),
        ("from=2026-04-28T12:30:00%2B02:00", [2, 4]),
        ("to=2026-04-28", [1]),
        ("to=2026-04-28T10:30:00", [1]),
        ("to=2026-04-28T10:30:01", [1, 2]),
        ("from=2026-04-28&to=2026-04-29", [2]),
        ("from=2026-04-28&to=2026-04-28", []),
        ("to=2026-04-27", []),
        ("from=0001-01-01&to=9999-12-31T23:59:59Z", [1, 2, 4]),
    ],
)
def test_from_is_part_of_the_period_and_to_is_not(billed: BilledCustomer, query: str, units: list[int]) -> None:
    for moment, used in (("2026-04-27T00:00", 1), ("2026-04-28T10:30", 2), ("2026-04-29T00:00", 4)):
        billed.charge(f"{moment}:00+00:00", units=used)
    expected = [("core-tts", len(units), float(sum(units)), round(0.01 * sum(units), 6))] if units else []
    assert billed.rows(query) == expected


def test_what_failed_is_open_or_was_given_back_is_not_used(billed: BilledCustomer) -> None:
    client = billed.client
    with client.gateway.database.transaction() as tx:
        for number in range(2):
            hold_id = client.gateway.billing.hold(
                tx, profile_id=client.profile_id, service="core-tts", amount=TOKEN, request_id=f"req_{number}"
            )
        client.gateway.billing.release(tx, hold_id)
    assert billed.rows() == []


def test_a_refund_lowers_the_row_of_the_call_that_it_refunds(billed: BilledCustomer) -> None:
    whole = billed.charge("2026-04-27T10:00:00+00:00", units=100, voice_id="v1")
    part = billed.charge("2026-04-28T10:00:00+00:00", units=200, voice_id="v2")
    billed.refund(whole, TOKEN)
    billed.refund(part, TOKEN // 4)
    billed.refund(part, TOKEN // 4)
    billed.refund("req_of_nobody", TOKEN)
    assert billed.rows("group_by=voice") == [("v1", 1, 0.0, 0.0), ("v2", 1, 150.0, 1.5)]
    assert billed.rows("group_by=day") == [("2026-04-27", 1, 0.0, 0.0), ("2026-04-28", 1, 150.0, 1.5)]
    assert billed.rows("group_by=day&from=2026-12-31") == []


def test_a_part_of_a_refund_is_rounded_to_a_millionth_and_a_free_call_divides_by_nothing(
    billed: BilledCustomer,
) -> None:
    third = billed.charge("2026-04-27T10:00:00+00:00", units=1, voice_id="v1")
    billed.refund(third, 3_333)
    free = billed.charge("2026-04-27T10:00:00+00:00", units=1, service="core-tts-voices", voice_id="v2")
    billed.refund(free, 0)
    assert billed.rows("group_by=voice") == [("v1", 1, 0.6667, 0.006667), ("v2", 1, 1.0, 0.0)]


def test_nobody_sees_the_usage_of_another_and_the_operator_sees_all(billed: BilledCustomer) -> None:
    other = BilledCustomer(billed.client.another_customer(), billed._clock)
    billed.charge("2026-04-27T10:00:00+00:00", units=1)
    request_id = other.charge("2026-04-27T10:00:00+00:00", units=5)
    billed.refund(request_id, TOKEN)  # recorded under another profile, so it does not lower this call's charge
    assert billed.rows() == [("core-tts", 1, 1.0, 0.01)]
    assert other.rows() == [("core-tts", 1, 5.0, 0.05)]
    rows = usage(billed.client.gateway.database, None, group_by="service", period=Period())
    assert {(row.profile_id, row.micro_units) for row in rows} >= {
        (billed.client.profile_id, TOKEN),
        (other.client.profile_id, 5 * TOKEN),
    }


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-13-01",
        "from=2026-02-30",
        "from=20260427",
        "from=2026-W18",
        "from=2026-04-27T25:00:00Z",
        "from=2026-04-27T10:00:00+02:00",  # an unencoded + is read as a space
        "from=",
        "from=%00",
        "from=٢٠٢٦-04-27",
        "from=0001-01-01T00:00:00%2B23:00",
        "to=1777284600",
        "to=2026-04-27T10:00:00.1234567Z",
        "to=" + "2" * 65,
        "from=2026-04-28&to=2026-04-27",
        "group_by=month",
        "group_by=",
    ],
)
def test_a_period_or_group_that_makes_no_sense_is_refused(client: GatewayClient, query: str) -> None:
    answer = client.get(f"{USAGE}?{query}")
    assert answer.status_code == 422, answer.text
    assert error_of(answer)["code"] == "validation_failed"


def csv_of(client: GatewayClient, query: str = "", accept: str = "text/csv") -> list[list[str]]:
    answer = client.get(f"{USAGE}?{query}", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="usage-by-')
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def test_csv_has_a_header_and_amounts_of_six_places(billed: BilledCustomer) -> None:
    billed.charge("2026-04-27T10:00:00+00:00", units=1234567, voice_id="v1")
    assert csv_of(billed.client, "group_by=voice") == [
        ["group", "calls", "units", "tokens"],
        ["v1", "1", "1234567", "10.000000"],
    ]


@pytest.mark.parametrize("voice_id", ["=1+1", "+1", "-cmd", "@SUM(A1)", "|calc"])
def test_a_voice_that_is_called_like_a_formula_stays_text_in_a_spreadsheet(
    billed: BilledCustomer, voice_id: str
) -> None:
    billed.charge("2026-04-27T10:00:00+00:00", voice_id=voice_id)
    assert csv_of(billed.client, "group_by=voice")[1][0] == f"'{voice_id}"
    assert billed.rows("group_by=voice")[0][0] == voice_id


def test_a_voice_with_a_comma_and_quotes_is_one_cell(billed: BilledCustomer) -> None:
    billed.charge("2026-04-27T10:00:00+00:00", voice_id='a "b", c')
    assert csv_of(billed.client, "group_by=voice")[1][0] == 'a "b", c'


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/*", True),
        ("text/csv, */*;q=0.5", True),
        ("application/json;q=0.5, text/csv;q=0.6", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=much, */*", False),
        ("text/csv, application/json", False),
        ("*/*", False),
        ("application/json", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_the_accept_header_decides(client: GatewayClient, accept: str, is_csv: bool) -> None:
    answer = client.get(USAGE, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/csv" if is_csv else "application/json")
    assert answer.headers["Vary"] == "Accept"


# Usage as recorded by real calls.


def test_every_billed_call_is_found_under_its_key_and_its_voice(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    audio_url = customer.upload()["public_url"]
    assert customer.post(TTS, {"text": "Hello.", "voice_id": "hum"}).status_code == 200
    assert customer.post(TTS, {"text": "Hello.", "voice_id": "hum", "stream": True}).status_code == 200
    instant = {"audioUrl": audio_url, "text": "Hello.", "provider": "local"}
    assert customer.post("/v1/proxy/core-instant-clone-tts", instant).status_code == 200
    by_voice = customer.get(f"{USAGE}?group_by=voice").json()["data"]
    assert [(row["group"], row["calls"]) for row in by_voice] == [("", 1), ("hum", 2)]
    by_key = customer.get(f"{USAGE}?group_by=key").json()["data"]
    assert [(row["group"], row["calls"]) for row in by_key] == [(customer.key_id, 3)]


def test_a_job_is_held_under_its_key_and_the_voice_that_it_makes_or_speaks_with(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    gateway = fake_env.gateway
    clone = gateway.cloning.submit(
        customer.principal, CloneRequest(customer.upload()["public_url"], "local", "Me", ""), request_id="req_1"
    )
    spoken = customer.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    assert spoken.status_code == 202
    assert held(gateway, customer.principal) == {
        clone.id: (customer.key_id, clone.output_id),
        spoken.json()["job"]["id"]: (customer.key_id, "hum"),
    }


def held(gateway: Gateway, caller: Principal) -> dict[str | None, tuple[str | None, str | None]]:
    with gateway.database.snapshot() as tx:
        rows = tx.scalars(select(Hold).where(Hold.profile_id == caller.profile_id)).all()
    return {row.job_id: (row.key_id, row.voice_id) for row in rows}
