"""Checks whether the length of a provider's audio is plausible for the text."""

from __future__ import annotations

from typing import Final

from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE

_SAMPLE_BYTES: Final = 2
_MIN_SECONDS_PER_CHARACTER: Final = 0.015
"""Less than a quarter of what the fastest speech takes. Shorter audio does not hold all of the text."""
_MIN_CHECKED_LENGTH: Final = 20  # characters; a shorter text may be one short sound
# Seconds. For a lower-case letter, a space or a common mark, the same as in the catalogue's hold; twice as many for a
# digit, a capital, a symbol or a character of another script, which may be one or several words ("1000000", "€").
# Usual speech takes 0.05 s and 0.2 to 0.4 s (`speech/durations.py`). Ten more allow for pauses and breaths at both ends
# of a short text.
_MAX_SECONDS_PER_LETTER: Final = 0.35
_MAX_SECONDS_PER_SIGN: Final = 1.6
_EDGE_SECONDS: Final = 10.0
_PAUSE_MARKS: Final = frozenset(" \t\n.,;:!?'\"-()")


def max_seconds(text: str, speed: float = 1.0) -> float:
    """Return a duration in seconds that no reading of the text at the speed reaches."""
    letters = sum(character.islower() or character in _PAUSE_MARKS for character in text)
    signs = len(text) - letters
    return _EDGE_SECONDS + (_MAX_SECONDS_PER_LETTER * letters + _MAX_SECONDS_PER_SIGN * signs) / speed


class AudioLengthCheck:
    """Checks the length of the audio (s16le at 24 kHz) of one part of a text as it arrives."""

    def __init__(self, text: str, speed: float) -> None:
        self._length = len(text)
        self._max_bytes = int(max_seconds(text, speed) * SAMPLE_RATE) * _SAMPLE_BYTES
        self._bytes = 0

    def add(self, count: int) -> None:
        """Count `count` more bytes. Raises ProviderFailed if the audio is too long for the text."""
        self._bytes += count
        if self._bytes > self._max_bytes:
            raise ProviderFailed("The provider's audio is far longer than the text. Nothing was charged; try again.")

    def end(self) -> None:
        """Check the end. Raises ProviderFailed if the audio is too short for the text or ends inside a sample."""
        if self._bytes % _SAMPLE_BYTES:
            raise ProviderFailed("The provider's audio ends inside a sample. Nothing was charged; try again.")
        min_seconds = _MIN_SECONDS_PER_CHARACTER * self._length / 2 if self._length >= _MIN_CHECKED_LENGTH else 0.0
        if self._bytes <= min_seconds * SAMPLE_RATE * _SAMPLE_BYTES:
            raise ProviderFailed("The provider's audio ends before the text does. Nothing was charged; try again.")


def silent_audio_error() -> ProviderFailed:
    """Return the error for a part that is silent."""
    return ProviderFailed("The provider's audio is silent. Nothing was charged; try again.")
