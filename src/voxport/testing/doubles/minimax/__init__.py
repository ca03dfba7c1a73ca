"""MiniMax, as PROVIDERS.md section 2 describes it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from voxport.testing.doubles.clock import Clock
from voxport.testing.doubles.minimax.account import MiniMaxAccount, MiniMaxVoice, State
from voxport.testing.doubles.minimax.speech import Speech
from voxport.testing.doubles.minimax.voices import Voices

__all__ = ["MiniMaxAccount", "MiniMaxDouble", "MiniMaxVoice"]


class MiniMaxDouble(State):
    """`app` is the server, the rest its state, to set up and to look at."""

    def __init__(self, account: MiniMaxAccount | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(account or MiniMaxAccount(), clock or Clock())
        routes = [route for part in (Voices(self), Speech(self)) for route in part.routes()]
        self.app = Starlette(routes=[*routes, Route("/download/{name}", self.download)])
