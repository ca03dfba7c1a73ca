"""What a synthesis has made so far, for the threads that produce it, send it and charge for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from voxport.providers.base import SpokenWord


@dataclass
class SynthesisProgress:
    """The provider that speaks, and the samples made so far."""

    provider: str = ""
    samples: int = 0
    words: list[SpokenWord] = field(default_factory=list)
    """The words spoken so far, if they are asked for, in seconds from the beginning."""
    has_all: bool = False
    """Whether no more audio follows."""
    has_listener_left: bool = False
    """Whether the client disconnected."""
    is_discarded: bool = False
    """Whether the server ends the call, so that nothing more is delivered: then nothing is charged."""

    def is_complete(self) -> bool:
        return self.has_all

    def on_listener_left(self) -> None:
        self.has_listener_left = True

    def on_discarded(self) -> None:
        self.is_discarded = True

    def require_listener(self) -> None:
        if self.has_listener_left:
            raise ListenerLeft


class ListenerLeft(Exception):
    """The client disconnected: the audio made so far is charged, and synthesis stops."""
