"""Limits the length of texts, and computes the estimated, maximum and billed seconds of their audio."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from voxport.catalog import Limits
from voxport.errors import Invalid
from voxport.providers.base import SAMPLE_RATE
from voxport.text.ssml.document import Document

_TENTH = Decimal("0.1")
_PAUSE_MARKS = frozenset(" \t\n.,;:!?'\"-()")  # spoken as a pause, if at all
# Measured by `benchmarks/quality/durations.py` over the local engine's stock voices, in seconds: per letter, space or
# common mark in the Latin alphabet; per letter or vowel sign in Devanagari; per character that is a syllable or a word
# (Chinese, Japanese); per digit or symbol, which is read out as a word; and for both ends together.
_SECONDS_PER_LETTER = Decimal("0.05")
_SECONDS_PER_MARK = Decimal("0.075")
_SECONDS_PER_SYLLABLE = Decimal("0.185")
_SECONDS_PER_SIGN = Decimal("0.37")
_SECONDS_AT_ENDS = Decimal("0.3")
_SECONDS_BETWEEN_LINES = Decimal(1)  # at most: a paragraph's pause
_MIN_HOLD_SECONDS = Decimal(3)  # a short text has pauses at both ends


def require_text(text: str, limit: int, *, advice: str = "Split it at a sentence end.") -> None:
    """Raises Invalid for a text that is blank, or longer than `limit` characters, with `advice` in the message."""
    if not text.strip():
        raise Invalid("The text is empty. Send at least one word.", location=("body", "text"))
    if len(text) > limit:
        raise Invalid(
            f"The text has {len(text):,} characters, and one call takes {limit:,}. {advice}",
            location=("body", "text"),
            details={"limit": limit, "length": len(text)},
        )


def max_seconds(text: str, speed: float, limits: Limits) -> Decimal:
    """Return an upper bound of the text's audio in seconds, at the speed."""
    return max(_max_at_own_speed(text, limits), _MIN_HOLD_SECONDS) / Decimal(str(speed))


def max_document_seconds(document: Document, speed: float, limits: Limits) -> Decimal:
    """Return an upper bound of a document's audio in seconds, with its pauses, at the speed."""
    spoken = _of_segments(document, lambda text: _max_at_own_speed(text, limits))
    ends = _SECONDS_BETWEEN_LINES * len(document.lines)
    return max(spoken + ends, _MIN_HOLD_SECONDS) / Decimal(str(speed)) + Decimal(str(document.pauses))


def estimated_document_seconds(document: Document, speed: float, limits: Limits) -> Decimal:
    """Return the expected seconds of a document's audio, rounded as billed; at most `max_document_seconds`."""
    spoken = _of_segments(document, lambda text: sum(map(_seconds_of, text), Decimal(0))) + _SECONDS_AT_ENDS
    estimate = spoken / Decimal(str(speed)) + Decimal(str(document.pauses))
    return _round_to_tenth(min(estimate, max_document_seconds(document, speed, limits)))


def estimated_seconds(text: str, speed: float, limits: Limits) -> Decimal:
    """Return the expected seconds of the text's audio, rounded as billed; at most `max_seconds`."""
    at_own_speed = sum(map(_seconds_of, text), _SECONDS_AT_ENDS)
    estimate = min(at_own_speed / Decimal(str(speed)), max_seconds(text, speed, limits))
    return _round_to_tenth(estimate)


def billed_seconds(samples: int) -> Decimal:
    """Return the audio's length in seconds, rounded half up to a tenth, at least 0.1."""
    return _round_to_tenth(Decimal(samples) / SAMPLE_RATE)


def _max_at_own_speed(text: str, limits: Limits) -> Decimal:
    letters = sum(character.islower() or character in _PAUSE_MARKS for character in text)
    return limits.hold_seconds_per_letter * letters + limits.hold_seconds_per_sign * (len(text) - letters)


def _of_segments(document: Document, seconds_of: Callable[[str], Decimal]) -> Decimal:
    """Add up the seconds of all segments, each at its own rate."""
    return sum(
        (
            seconds_of(segment.read_text) / Decimal(str(segment.style.rate))
            for line in document.lines
            for segment in line.segments
        ),
        Decimal(0),
    )


def _round_to_tenth(seconds: Decimal) -> Decimal:
    return max(seconds.quantize(_TENTH, rounding=ROUND_HALF_UP), _TENTH)


def _seconds_of(character: str) -> Decimal:
    """Return the expected seconds of one character."""
    category = unicodedata.category(character)
    if character in _PAUSE_MARKS or category in ("Ll", "Lu", "Pi", "Pf", "Pd"):
        return _SECONDS_PER_LETTER
    if unicodedata.east_asian_width(character) in "WF":
        return _SECONDS_PER_SYLLABLE
    return _SECONDS_PER_MARK if category[0] in "LM" else _SECONDS_PER_SIGN
