"""How long a text may be, how long its audio can get, and what is billed of it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from voxport.catalog import Limits
from voxport.errors import Invalid
from voxport.providers.base import SAMPLE_RATE

_TENTH = Decimal("0.1")
_QUIET = frozenset(" \t\n.,;:!?'\"-()")  # make a pause at most
_HOLD_AT_LEAST = Decimal(3)  # seconds; a short text has pauses at both ends


def require_text(text: str, limit: int, *, advice: str = "Split it at a sentence end.") -> None:
    """Raises Invalid for a text that is blank, or longer than `limit` characters: with the advice what to do."""
    if not text.strip():
        raise Invalid("The text is empty. Send at least one word.", location=("body", "text"))
    if len(text) > limit:
        raise Invalid(
            f"The text has {len(text):,} characters, and one call takes {limit:,}. {advice}",
            location=("body", "text"),
            details={"limit": limit, "length": len(text)},
        )


def most_seconds(text: str, speed: float, limits: Limits) -> Decimal:
    """Seconds of audio that the text stays under, at the speed."""
    letters = sum(character.islower() or character in _QUIET for character in text)
    signs = len(text) - letters
    at_own_speed = limits.hold_seconds_per_letter * letters + limits.hold_seconds_per_sign * signs
    return max(at_own_speed, _HOLD_AT_LEAST) / Decimal(str(speed))


def billed_seconds(samples: int) -> Decimal:
    """The length of the audio in seconds, rounded half up to a tenth, at least 0.1."""
    return max((Decimal(samples) / SAMPLE_RATE).quantize(_TENTH, rounding=ROUND_HALF_UP), _TENTH)
