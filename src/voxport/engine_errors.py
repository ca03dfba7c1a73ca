"""Errors of the engine. Every message is a sentence that is safe to show to a caller.

EngineError
├── TextNotSpeakable     the text has nothing that this language can speak
├── VoiceFileError       the voice file is damaged, or belongs to another engine or asset
├── VoiceNotMixable      voices can't be mixed in this way
├── SampleNotEnrollable  no speaker can be found in the audio
└── EngineUnavailable    the engine's process could not start, died, or took too long
"""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """The engine can't do what was requested; the message says what, and how to fix it."""


class TextNotSpeakable(EngineError):
    """The text has nothing that `language` can speak; `spoken` are the supported languages."""

    def __init__(self, message: str, *, language: str, spoken: Sequence[str]) -> None:
        super().__init__(message)
        self.language = language
        self.spoken = tuple(spoken)


class VoiceFileError(EngineError):
    """The voice file can't be used: it is damaged, or made by another version of the engine."""


class VoiceNotMixable(EngineError):
    """Voices can't be mixed in this way. `setting` is what to change: `pitch`, `rate`, `language`, or `mix`, the choice
    of the voices."""

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


class SampleNotEnrollable(EngineError):
    """No speaker can be found in the audio: it is too short, silent, or without a voice."""


class EngineUnavailable(EngineError):
    """The engine's process could not start, died, or took too long. A retry may succeed."""
