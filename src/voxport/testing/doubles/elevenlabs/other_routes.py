"""The remaining routes of the ElevenLabs double: models, the subscription, and the older dubbing API."""

from __future__ import annotations

from typing import Final

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxport.testing.doubles.elevenlabs import wire
from voxport.testing.doubles.elevenlabs.account import ElevenLabsState
from voxport.testing.doubles.speech import encoded, synthesize

_DUBBING_SECONDS: Final = 60.0


class ElevenLabsOtherRoutes:
    def __init__(self, state: ElevenLabsState) -> None:
        self._state = state
        self._dubs: dict[str, float] = {}

    def routes(self) -> list[Route]:
        handled, dub = self._state.handled, "/v1/dubbing/{dubbing_id}"
        return [
            Route("/v1/models", handled(self._models), methods=["GET"]),
            Route("/v1/user/subscription", handled(self._subscription), methods=["GET"]),
            Route("/v1/dubbing", handled(self._dub), methods=["POST"]),
            Route(dub, handled(self._dub_state), methods=["GET"]),
            Route(dub + "/audio/{language}", handled(self._dub_audio), methods=["GET"]),
        ]

    async def _models(self, request: Request) -> Response:
        if "xi-api-key" not in request.headers:
            raise wire.error(404, "not_found", "workspace_not_found", "Workspace 1anonymous1 not found.")
        self._state.require(request, "models_read")
        return JSONResponse(wire.model_list())

    async def _subscription(self, request: Request) -> Response:
        self._state.require(request, "user_read")
        account = self._state.account
        return JSONResponse(
            {
                "tier": account.tier,
                "status": "active",
                "character_count": account.character_count,
                "character_limit": account.character_limit,
                "can_use_instant_voice_cloning": account.can_clone,
                "can_use_professional_voice_cloning": False,
                "voice_limit": account.voice_limit,
                "voice_slots_used": len(self._state.voices),
                "max_voice_add_edits": 1000,
                "voice_add_edit_counter": 0,
            }
        )

    async def _dub(self, request: Request) -> Response:
        self._state.require(request, "dubbing_write")
        dubbing_id = wire.new_id()
        self._dubs[dubbing_id] = self._state.clock.now() + _DUBBING_SECONDS
        return JSONResponse({"dubbing_id": dubbing_id, "expected_duration_sec": 12.5})

    async def _dub_state(self, request: Request) -> Response:
        ready = self._dub_is_ready(request)
        return JSONResponse(
            {
                "dubbing_id": request.path_params["dubbing_id"],
                "name": "a dub",
                "status": "dubbed" if ready else "dubbing",
                "target_languages": ["es"],
                "editable": False,
                "created_at": "2026-01-01T00:00:00Z",
            }
        )

    async def _dub_audio(self, request: Request) -> Response:
        if not self._dub_is_ready(request):
            raise wire.error(425, "invalid_request", "dubbing_not_ready", "The dubbing is not ready yet.")
        audio = await run_sync(lambda: encoded(synthesize("A dub.", 0), "mp3", 44_100, 128_000))
        return Response(audio, media_type="audio/mpeg")

    def _dub_is_ready(self, request: Request) -> bool:
        self._state.require(request, "dubbing_read")
        dubbing_id = request.path_params["dubbing_id"]
        if dubbing_id not in self._dubs:
            raise wire.error(404, "not_found", "dubbing_not_found", "There is no such dubbing.")
        return self._state.clock.now() >= self._dubs[dubbing_id]
