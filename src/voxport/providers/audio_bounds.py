"""Checks whether the length of a provider's audio is plausible for the text."""

from __future__ import annotations

from typing import Final

from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE

_SAMPLE_BYTES: Final = 2
_BYTES_PER_SECOND: Final = _SAMPLE_BYTES * SAMPLE_RATE
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


class MaxLengthCheck:
    """Checks that the audio of a text is not too long, by its seconds or, for s16le at 24 kHz, its bytes."""

    def __init__(self, text: str, speed: float) -> None:
        self._length = len(text)
        self._max_seconds = max_seconds(text, speed)
        self._bytes = 0

    def add(self, count: int) -> None:
        """Count `count` more bytes of s16le. Raises ProviderFailed if the audio is too long for the text."""
        self._bytes += count
        self.require_not_longer(self._bytes / _BYTES_PER_SECOND)

    def end(self) -> None:
        """Do nothing: the length at the end is checked elsewhere."""

    def require_not_longer(self, seconds: float) -> None:
        """Raises ProviderFailed if the audio is too long for the text."""
        if seconds > self._max_seconds:
            raise ProviderFailed("The provider's audio is far longer than the text. Nothing was charged; try again.")

    def require_not_shorter(self, seconds: float) -> None:
        """Raises ProviderFailed if the complete audio is too short for the text."""
        min_seconds = _MIN_SECONDS_PER_CHARACTER * self._length / 2 if self._length >= _MIN_CHECKED_LENGTH else 0.0
        if seconds <= min_seconds:
            raise ProviderFailed("The provider's audio ends before the text does. Nothing was charged; try again.")


class AudioLengthCheck(MaxLengthCheck):
    """Checks the length of the audio (s16le at 24 kHz) of one part of a text as it arrives, and at its end."""

    def end(self) -> None:
        """Raises ProviderFailed if the audio is too short for the text or ends inside a sample."""
        if self._bytes % _SAMPLE_BYTES:
            raise ProviderFailed("The provider's audio ends inside a sample. Nothing was charged; try again.")
        self.require_not_shorter(self._bytes / _BYTES_PER_SECOND)


def silent_audio_error() -> ProviderFailed:
    """Return the error for a part that is silent."""
    return ProviderFailed("The provider's audio is silent. Nothing was charged; try again.")
