"""POST /v1/estimate: the cost of a core-tts request, validated as core-tts validates it, without side effects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv
from voxport.catalog import load_catalog
from voxport.speech.durations import estimated_seconds, max_seconds

ESTIMATE = "/v1/estimate"
TTS = "/v1/proxy/core-tts"
TEXT = "The ferry leaves the island at seven in the morning, and the whole village comes down to wave."


def body(**changes: Any) -> dict[str, Any]:
    return {"text": TEXT, "voice_id": "hum", "provider": "local", **changes}


def estimate(client: GatewayClient, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    answer = client.post(ESTIMATE, body(**changes), headers=headers or {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_an_estimate_tells_seconds_their_price_and_the_most_that_is_held(customer: GatewayClient) -> None:
    assert estimate(customer) == {
        "service": "core-tts",
        "unit_type": "second",
        "unit_price": 0.01,
        "units": 5.0,
        "tokens": 0.05,
        "held": 0.3335,
    }


def test_what_is_held_is_what_the_call_holds(fake_env: FakeProviderEnv, customer: GatewayClient) -> None:
    held: list[float] = []
    fake_env.provider.on_piece = lambda _: held.append(customer.balance()["held"])
    assert customer.post(TTS, body()).status_code == 200
    assert held == [estimate(customer)["held"]]


def test_an_estimate_costs_nothing_asks_nobody_and_writes_nothing(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    poor = open_client(fake_env.gateway, credits="0")
    assert estimate(poor)["tokens"] == 0.05
    assert estimate(poor, {"Prefer": "respond-async"}, text="word " * 20_000)["units"] > 3600
    assert fake_env.provider.requests == []
    assert poor.balance() == {"balance": 0.0, "credits": 0.0, "held": 0.0, "currency": "token"}
    for path in ("/v2/billing/ledger", "/v2/jobs", "/v1/media", "/v2/billing/usage"):
        assert poor.get(path).json()["data"] == []


def test_speech_that_is_twice_as_fast_takes_half_as_long(customer: GatewayClient) -> None:
    usual, fast = estimate(customer), estimate(customer, voice_settings={"speed": 2.0})
    assert (fast["units"], fast["held"]) == (usual["units"] / 2, usual["held"] / 2)


def test_the_price_is_the_catalogues(make_client: MakeClient, tmp_path: Any) -> None:
    client = make_client(catalog_file=catalog_file(tmp_path, prices={"core-tts": "0.5"}))
    data = client.post(ESTIMATE, body(voice_id="af_heart")).json()["data"]
    assert (data["unit_price"], data["units"], data["tokens"]) == (0.5, 5.0, 2.5)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"unknown": 1}, 422),
        ({"text": " "}, 422),
        ({"text": "a" * 5001}, 422),
        ({"language": "klingon"}, 422),
        ({"voice_settings": {"stability": 0.5}}, 422),
        ({"output_format": "flac", "stream": True}, 422),
        ({"voice_id": "nobody"}, 404),
        ({"provider": "minimax"}, 400),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_core_tts_refuses_has_no_price(customer: GatewayClient, changes: dict[str, Any], status: int) -> None:
    answers = [customer.post(path, body(**changes)) for path in (ESTIMATE, TTS)]
    assert [answer.status_code for answer in answers] == [status, status]
    first, second = (error_of(answer) for answer in answers)
    assert (first["code"], first["message"]) == (second["code"], second["message"])


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "7",
        "%",
        "1" * 500,
        TEXT,
        TEXT * 40,
        "नमस्ते दुनिया",
        "今天天气很好",
        "“Well…” — she said",
        "\n",
        "😀 hi",
        "ABC " * 50,
    ],
)
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_an_estimate_is_never_over_the_bound_and_never_nothing(text: str, speed: float) -> None:
    limits = load_catalog().limits
    assert 0 < estimated_seconds(text, speed, limits) <= max_seconds(text, speed, limits)
