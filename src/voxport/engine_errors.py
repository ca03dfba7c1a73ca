"""What the engine refuses, and why. Every message is a sentence that is safe to show to a caller.

EngineError
├── TextNotSpeakable     the text has nothing that this language can speak
├── VoiceFileError       a voice file that is damaged, or of another engine or asset
├── SampleNotEnrollable  audio in which no speaker can be found
└── EngineUnavailable    the engine's process could not start, died, or took too long
"""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """Something that the engine can't do; the message says what, and what would help."""


class TextNotSpeakable(EngineError):
    """The text holds nothing that `language` can speak; `spoken` are the languages that there are."""

    def __init__(self, message: str, *, language: str, spoken: Sequence[str]) -> None:
        super().__init__(message)
        self.language = language
        self.spoken = tuple(spoken)


class VoiceFileError(EngineError):
    """A voice file that can't be used here: damaged, or made by another version of the engine."""


class SampleNotEnrollable(EngineError):
    """Audio in which no speaker can be found: too short, silent, or without a voice."""


class EngineUnavailable(EngineError):
    """The engine's process could not start, died, or took too long. Trying again may help."""
