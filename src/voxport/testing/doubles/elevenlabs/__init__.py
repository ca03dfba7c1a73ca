"""ElevenLabs, as PROVIDERS.md section 1 describes it."""

from __future__ import annotations

from starlette.applications import Starlette

from voxport.testing.doubles.clock import Clock
from voxport.testing.doubles.elevenlabs.account import ElevenLabsAccount, ElevenVoice, State
from voxport.testing.doubles.elevenlabs.rest import Rest
from voxport.testing.doubles.elevenlabs.speech import Speech
from voxport.testing.doubles.elevenlabs.voices import Voices

__all__ = ["ElevenLabsAccount", "ElevenLabsDouble", "ElevenVoice"]


class ElevenLabsDouble(State):
    """`app` is the server, the rest its state, to set up and to look at."""

    def __init__(self, account: ElevenLabsAccount | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(account or ElevenLabsAccount(), clock or Clock())
        parts = (Voices(self), Speech(self), Rest(self))
        self.app = Starlette(routes=[route for part in parts for route in part.routes()])
