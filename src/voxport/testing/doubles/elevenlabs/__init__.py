"""A double of ElevenLabs as described in PROVIDERS.md section 1."""

from __future__ import annotations

from starlette.applications import Starlette

from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.elevenlabs.account import ElevenLabsAccount, ElevenLabsState, ElevenLabsVoice
from voxport.testing.doubles.elevenlabs.other_routes import ElevenLabsOtherRoutes
from voxport.testing.doubles.elevenlabs.speech import ElevenLabsSpeechRoutes
from voxport.testing.doubles.elevenlabs.voices import ElevenLabsVoiceRoutes

__all__ = ["ElevenLabsAccount", "ElevenLabsDouble", "ElevenLabsVoice"]


class ElevenLabsDouble(ElevenLabsState):
    """`app` is the server. The other attributes are its state, which tests set up and inspect."""

    def __init__(self, account: ElevenLabsAccount | None = None, *, clock: ManualClock | None = None) -> None:
        super().__init__(account or ElevenLabsAccount(), clock or ManualClock())
        parts = (ElevenLabsVoiceRoutes(self), ElevenLabsSpeechRoutes(self), ElevenLabsOtherRoutes(self))
        self.app = Starlette(routes=[route for part in parts for route in part.routes()])
