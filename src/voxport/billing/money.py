"""Amounts of tokens: stored as whole micro-tokens (integers), computed as `Decimal`, rounded only here."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

MICRO = 1_000_000
MAX_TOKENS = 100_000_000  # keeps a profile's sums below 2^53 micro-tokens, exact as JSON numbers
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]+)(\.(?P<places>[0-9]+))?")


def to_micro(tokens: Decimal) -> int:
    """Convert tokens to whole micro-tokens, rounding half up."""
    return int((tokens * MICRO).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_tokens(micro: int) -> Decimal:
    return Decimal(micro) / MICRO


def json_number(micro: int) -> float:
    """Return the amount in tokens as a JSON number, for output only. A float has 15 exact digits and an amount up to
    MAX_TOKENS has at most 15, so `json` writes every digit exactly."""
    return float(to_tokens(micro))


def format_tokens(micro: int) -> str:
    """Format an amount in tokens with six decimal places, as in `X-Gateway-Token-Cost`."""
    return f"{to_tokens(micro):.6f}"


def parse_tokens(text: str) -> int:
    """Parse an amount in tokens that a person typed, to micro-tokens. Raises ValueError with a readable message."""
    parts = _AMOUNT.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"{text[:40]!r} is not an amount: write tokens such as 100 or 2.5")
    whole, places = parts["whole"].lstrip("0"), (parts["places"] or "").rstrip("0")
    if len(places) > 6:
        raise ValueError("an amount has at most six places")
    if len(whole) > 9 or to_micro(Decimal(f"{whole or 0}.{places or 0}")) > MAX_TOKENS * MICRO:
        raise ValueError(f"an amount is at most {MAX_TOKENS:,} tokens")
    return to_micro(Decimal(f"{parts['sign']}{whole or 0}.{places or 0}"))
