"""Speech routes of the ElevenLabs double: whole, streamed, and with character timestamps."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from voxport.testing.doubles.base import ErrorAnswer
from voxport.testing.doubles.elevenlabs import wire
from voxport.testing.doubles.elevenlabs.account import ElevenLabsAccount, ElevenLabsState
from voxport.testing.doubles.faults import spoil_audio, until_set
from voxport.testing.doubles.speech import encoded, synthesize


class ElevenLabsSpeechRoutes:
    def __init__(self, state: ElevenLabsState) -> None:
        self._state = state
        self._concurrency = _ConcurrencyLimit(state.account)

    def routes(self) -> list[Route]:
        path, handled = "/v1/text-to-speech/{voice_id}", self._state.handled
        return [
            Route(path, handled(self._speak), methods=["POST"]),
            Route(f"{path}/stream", handled(self._stream), methods=["POST"]),
            Route(f"{path}/with-timestamps", handled(self._timed), methods=["POST"]),
            Route(f"{path}/stream/with-timestamps", handled(self._timed_stream), methods=["POST"]),
        ]

    async def _speak(self, request: Request) -> Response:
        audio, headers, kind = await self._synthesize(request, wire.FORMATS)
        return Response(audio, headers=headers, media_type=kind)

    async def _stream(self, request: Request) -> Response:
        audio, headers, kind = await self._synthesize(request, wire.STREAM_FORMATS)
        return StreamingResponse(_chunks(audio), headers=headers, media_type=kind)

    async def _timed(self, request: Request) -> Response:
        audio, headers, _ = await self._synthesize(request, wire.FORMATS)
        return JSONResponse(_aligned(audio, json.loads(await request.body())["text"]), headers=headers)

    async def _timed_stream(self, request: Request) -> Response:
        audio, headers, _ = await self._synthesize(request, wire.STREAM_FORMATS)
        text = json.loads(await request.body())["text"]

        async def lines() -> AsyncIterator[bytes]:
            async for part in _chunks(audio):
                yield json.dumps(_aligned(part, text)).encode() + b"\n\n"

        return StreamingResponse(lines(), headers=headers, media_type="application/json")

    async def _synthesize(self, request: Request, formats: frozenset[str]) -> tuple[bytes, dict[str, str], str]:
        """Return (audio, headers, media type) of a synthesis."""
        body = wire.checked_body(await request.body())
        self._state.require(request, "text_to_speech")
        wanted = request.query_params.get("output_format", "mp3_44100_128")
        if wanted not in formats:
            message = f"The output format '{wanted}' is not supported."
            raise wire.error(400, "validation_error", "invalid_output_format", message, param="output_format")
        if not body.text.strip():
            raise wire.error(400, "validation_error", "empty_text", "The text is empty.", param="text")
        if body.model_id not in wire.MODELS:
            raise wire.error(400, "invalid_request", "unsupported_model", f"No model '{body.model_id}'.")
        if len(body.text) > wire.MODELS[body.model_id]:
            raise wire.legacy_error(
                400,
                "max_character_limit_exceeded",
                f"This request's text has {len(body.text)} characters and exceeds the character limit of "
                f"{wire.MODELS[body.model_id]} characters for this model.",
            )
        voice = self._state.voice(request.path_params["voice_id"], absent=404)
        if voice.requires_verification:
            message = "This voice has to be verified before it can be used."
            raise wire.error(403, "authorization_error", "voice_access_denied", message)
        async with self._concurrency as running:
            self._pay(len(body.text))
            await anyio.sleep(self._state.account.latency)
            if self._state.account.go_on is not None:
                await until_set(self._state.account.go_on)
            codec, rate, *rest = wanted.split("_")
            speed = (body.voice_settings.speed if body.voice_settings else None) or 1.0

            def make() -> bytes:
                bit_rate = int(rest[0]) * 1000 if rest else None
                audio = encoded(synthesize(body.text, voice.mark, speed=speed), codec, int(rate), bit_rate)
                return spoil_audio(audio, request.state.fault)

            audio = await run_sync(make)
        self._state.spoken.append(voice.voice_id)
        concurrent = (running, self._state.account.concurrency) if self._state.account.sends_concurrency else None
        headers = wire.success_headers(characters=len(body.text), concurrent=concurrent)
        # The real header for formats other than mp3 is unknown: no code may rely on it.
        return audio, headers, "audio/mpeg"

    def _pay(self, characters: int) -> None:
        left = self._state.account.character_limit - self._state.account.character_count
        if characters > left:
            message = (
                f"This request exceeds your quota of {self._state.account.character_limit}. You have {left} credits "
                f"remaining, while {characters} credits are required for this request."
            )
            if self._state.account.quota_status == 402:
                raise wire.error(402, "payment_required", "insufficient_credits", message)
            raise wire.legacy_error(401, "quota_exceeded", message)
        self._state.account.character_count += characters


class _ConcurrencyLimit:
    """Limits the concurrent syntheses of an account."""

    def __init__(self, account: ElevenLabsAccount) -> None:
        self._account = account
        self._running = 0
        self._released = anyio.Condition()

    async def __aenter__(self) -> int:
        async with self._released:
            if self._running >= self._account.concurrency and not self._account.queues:
                raise self._refused()
            while self._running >= self._account.concurrency:
                await self._released.wait()
            self._running += 1
            return self._running

    async def __aexit__(self, *_: object) -> None:
        self._running -= 1
        async with self._released:
            self._released.notify()

    def _refused(self) -> ErrorAnswer:
        return wire.error(
            429,
            "rate_limit_error",
            "concurrent_limit_exceeded",
            "Too many concurrent requests. Your current subscription is associated with a maximum of "
            f"{self._account.concurrency} concurrent requests (running in parallel).",
            status="too_many_concurrent_requests",
        )


async def _chunks(audio: bytes) -> AsyncIterator[bytes]:
    size = 8_192
    for start in range(0, len(audio), size):
        yield audio[start : start + size]


def _aligned(audio: bytes, text: str) -> dict[str, Any]:
    step = 0.06
    alignment = {
        "characters": list(text),
        "character_start_times_seconds": [round(i * step, 3) for i in range(len(text))],
        "character_end_times_seconds": [round((i + 1) * step, 3) for i in range(len(text))],
    }
    return {
        "audio_base64": base64.b64encode(audio).decode(),
        "alignment": alignment,
        "normalized_alignment": alignment,
    }
