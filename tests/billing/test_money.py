"""Amounts are exact, from the database to the last digit of a JSON number."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest

from tests.support.client import GatewayClient
from voxport.billing.money import MAX_TOKENS, MICRO, format_tokens, json_number, parse_tokens, to_micro, to_tokens
from voxport.speech.durations import billed_seconds


def amounts(count: int) -> list[int]:
    """Amounts in micro-tokens of every magnitude, up to the maximum balance of a profile."""
    dice = random.Random(20_260_427)
    return [dice.randrange(10 ** dice.randint(1, 15)) * dice.choice((1, -1)) for _ in range(count)]


def test_a_json_number_is_its_amount_digit_by_digit() -> None:
    for micro in [*amounts(20_000), 0, 1, -1, MAX_TOKENS * MICRO, MAX_TOKENS * MICRO - 1]:
        if abs(micro) > MAX_TOKENS * MICRO:
            continue
        assert Decimal(json.dumps(json_number(micro))) == Decimal(micro) / MICRO


def test_a_header_has_six_places_and_is_its_amount() -> None:
    for micro in amounts(5_000):
        text = format_tokens(micro)
        assert Decimal(text) == to_tokens(micro)
        assert len(text.partition(".")[2]) == 6
        assert "e" not in text.lower()


def test_micro_tokens_survive_the_way_to_tokens_and_back() -> None:
    for micro in amounts(5_000):
        assert to_micro(to_tokens(micro)) == micro
        if abs(micro) <= MAX_TOKENS * MICRO:
            assert parse_tokens(format_tokens(micro)) == micro


@pytest.mark.parametrize(
    ("tokens", "micro"),
    [
        ("0.0000005", 1),
        ("0.00000049999", 0),
        ("0.0000015", 2),
        ("0.0000025", 3),
        ("1.2345675", 1_234_568),
        ("1.2345674", 1_234_567),
        ("-0.0000005", -1),
        ("99999999.9999995", 100_000_000_000_000),
    ],
)
def test_a_half_goes_up(tokens: str, micro: int) -> None:
    assert to_micro(Decimal(tokens)) == micro


@pytest.mark.parametrize(
    ("text", "micro"),
    [("100", 100_000_000), ("2.5", 2_500_000), ("0.000001", 1), ("007.50", 7_500_000), ("1.0000000", 1_000_000)],
)
def test_an_amount_that_a_person_types_is_read(text: str, micro: int) -> None:
    assert parse_tokens(text) == micro


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ten",
        "1,5",
        "$5",
        "0.0000001",
        "1.1234567",
        "1e-7",
        "1e2",
        "1_000",
        "\u0661\u0662",
        "100000001",
        "1e9",
        "-1e9",
        "1e999999999",
        "nan",
        "sNaN",
        "inf",
        "-Infinity",
        "0x10",
        "1.0000000000000000000000000000000000000001",
    ],
)
def test_what_is_no_amount_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_tokens(text)


def test_what_is_not_a_number_is_not_called_too_large() -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_tokens("nan")


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [
        (1, "0.1"),
        (2_399, "0.1"),
        (2_400, "0.1"),
        (3_599, "0.1"),
        (3_600, "0.2"),
        (24_000, "1.0"),
        (25_199, "1.0"),
        (25_200, "1.1"),
        (24_000 * 3600, "3600.0"),
    ],
)
def test_seconds_are_billed_in_tenths_half_up_and_at_least_one(samples: int, seconds: str) -> None:
    assert billed_seconds(samples) == Decimal(seconds)


def test_the_balance_of_an_odd_amount_is_told_exactly(client: GatewayClient) -> None:
    for credits in ("0.000001", "99999999.999999", "12345.678901", "0.1", "33333333.333333"):
        rich = client.another_customer(credits=credits)
        body = rich.get("/v2/billing/balance").text
        shown = json.loads(body, parse_float=Decimal)["data"]
        assert shown["balance"] == shown["credits"] == Decimal(credits)
