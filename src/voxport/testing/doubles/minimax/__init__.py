"""A double of MiniMax as described in PROVIDERS.md section 2."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.minimax.account import MiniMaxAccount, MiniMaxState, MiniMaxVoice
from voxport.testing.doubles.minimax.speech import MiniMaxSpeechRoutes
from voxport.testing.doubles.minimax.voices import MiniMaxVoiceRoutes

__all__ = ["MiniMaxAccount", "MiniMaxDouble", "MiniMaxVoice"]


class MiniMaxDouble(MiniMaxState):
    """`app` is the server. The other attributes are its state, which tests set up and inspect."""

    def __init__(self, account: MiniMaxAccount | None = None, *, clock: ManualClock | None = None) -> None:
        super().__init__(account or MiniMaxAccount(), clock or ManualClock())
        routes = [route for part in (MiniMaxVoiceRoutes(self), MiniMaxSpeechRoutes(self)) for route in part.routes()]
        self.app = Starlette(routes=[*routes, Route("/download/{name}", self.download)])
