"""Voice routes of the ElevenLabs double: clone, list, get, delete."""

from __future__ import annotations

import json
import time
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxport.testing.doubles.elevenlabs import wire
from voxport.testing.doubles.elevenlabs.account import ElevenLabsState, ElevenLabsVoice
from voxport.testing.doubles.marks import mark_of


class ElevenLabsVoiceRoutes:
    def __init__(self, state: ElevenLabsState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        handled = self._state.handled
        return [
            Route("/v1/voices/add", handled(self._add), methods=["POST"]),
            Route("/v1/voices", handled(self._legacy_list), methods=["GET"]),
            Route("/v2/voices", handled(self._list), methods=["GET"]),
            Route("/v1/voices/{voice_id}", handled(self._get), methods=["GET"]),
            Route("/v1/voices/{voice_id}", handled(self._delete), methods=["DELETE"]),
        ]

    async def _add(self, request: Request) -> Response:
        async with request.form(max_files=100) as form:
            name, files = form.get("name"), [one for one in form.getlist("files") if isinstance(one, UploadFile)]
            absent = [part for part, there in (("name", name), ("files", files)) if not there]
            if absent:
                raise wire.missing(*absent)
            labels = _labels(form.get("labels"))
            self._state.require(request, "voices_write")
            contents = [await one.read() for one in files]
            description = form.get("description")
        if not self._state.account.can_clone:
            raise wire.error(
                400,
                "payment_required",
                "paid_plan_required",
                "Your subscription does not include instant voice cloning. Please upgrade your plan.",
                status="can_not_use_instant_voice_cloning",
            )
        if len(self._state.voices) >= self._state.account.voice_limit:
            limit = self._state.account.voice_limit
            raise wire.legacy_error(
                400,
                "voice_limit_reached",
                f"You have reached your maximum amount of custom voices ({limit} / {limit}). You can upgrade your "
                "subscription to increase your custom voice limit.",
            )
        if len(set(contents)) < len(contents):
            raise wire.legacy_error(400, "duplicate_files", "You cannot upload the same file twice.")
        if not all(_is_audio(content) for content in contents):
            raise wire.error(
                400,
                "validation_error",
                "invalid_audio",
                "File is corrupted. Please ensure it is playable audio.",
                status="invalid_content",
            )
        verify = self._state.account.requires_verification or self._state.account.library_voice_match is not None
        voice = ElevenLabsVoice(
            voice_id=wire.new_id(),
            name=str(name),
            category="cloned",
            mark=mark_of(b"".join(contents)),
            labels=labels,
            description=description if isinstance(description, str) else None,
            created_at=int(self._state.clock.now()),
            requires_verification=verify,
        )
        self._state.voices[voice.voice_id] = voice
        answer: dict[str, Any] = {"voice_id": voice.voice_id, "requires_verification": verify}
        if self._state.account.library_voice_match is not None:
            answer["library_voice_match"] = self._state.account.library_voice_match
        return JSONResponse(answer)

    async def _legacy_list(self, request: Request) -> Response:
        self._state.require(request, "voices_read")
        return JSONResponse(
            {"voices": [_shown(one) for one in [*self._state.premade.values(), *self._state.voices.values()]]}
        )

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        size = int(query.get("page_size", "10"))
        if not 1 <= size <= 100:
            problem = {"type": "less_than_equal", "loc": ["query", "page_size"], "msg": "Input should be 1 to 100"}
            raise wire.unprocessable([{**problem, "input": size}])
        self._state.require(request, "voices_read")
        own = [one for one in self._state.voices.values() if query.get("search", "").lower() in one.name.lower()]
        if time.monotonic() < self._state.lists_hide_until:
            own = []
        wanted = query.getlist("voice_ids")
        if wanted:
            own = [one for one in own if one.voice_id in wanted]
        if query.get("voice_type") == "default" or query.get("category") == "premade":
            own = []
        start = int(query.get("next_page_token") or 0)
        page = own[start : start + size]
        more = start + size < len(own)
        hides_premade = bool(wanted) or query.get("voice_type") in ("personal", "non-default")
        hides_premade |= query.get("category") == "cloned"
        first = [] if start or hides_premade else list(self._state.premade.values())
        answer: dict[str, Any] = {
            "voices": [_shown(one) for one in [*first, *page]],
            "has_more": more,
            "next_page_token": str(start + size) if more else None,
        }
        if query.get("include_total_count", "true") == "true":
            answer["total_count"] = len(own) + len(self._state.premade)
        return JSONResponse(answer)

    async def _get(self, request: Request) -> Response:
        self._state.require(request, "voices_read")
        return JSONResponse(_shown(self._state.voice(request.path_params["voice_id"], absent=400)))

    async def _delete(self, request: Request) -> Response:
        self._state.require(request, "voices_write")
        voice = self._state.voice(request.path_params["voice_id"], absent=400)
        self._state.voices.pop(voice.voice_id, None)
        return JSONResponse({"status": "ok"})


def _labels(sent: Any) -> dict[str, str]:
    """Accept an absent field, `null`, or a JSON object. Raises ErrorAnswer (422)."""
    try:
        labels = json.loads(sent) if isinstance(sent, str) and sent else None
    except ValueError:
        labels = sent
    if labels is not None and not isinstance(labels, dict):
        problem = {"type": "dict_type", "loc": ["body", "labels"], "msg": "Input should be a JSON object"}
        raise wire.unprocessable([{**problem, "input": str(sent)}])
    return labels or {}


def _shown(voice: ElevenLabsVoice) -> dict[str, Any]:
    return {
        "voice_id": voice.voice_id,
        "name": voice.name,
        "category": voice.category,
        "labels": voice.labels,
        "description": voice.description,
        "available_for_tiers": [],
        "high_quality_base_model_ids": [],
        "preview_url": None,
        "created_at_unix": voice.created_at or None,
        "voice_verification": {
            "requires_verification": voice.requires_verification,
            "is_verified": False,
            "verification_failures": [],
            "verification_attempts_count": 0,
        },
    }


def _is_audio(content: bytes) -> bool:
    """Detect WAV, FLAC, Ogg, MP3, MP4 and WebM by their first bytes."""
    starts = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\x1aE\xdf\xa3")
    return content.startswith(starts) or content[4:8] == b"ftyp"
