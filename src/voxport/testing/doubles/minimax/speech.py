"""Speech routes of the MiniMax double: whole (as hex, or by URL), and as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from voxport.testing.doubles.faults import spoil_audio
from voxport.testing.doubles.minimax import wire
from voxport.testing.doubles.minimax.account import MiniMaxState, MiniMaxVoice
from voxport.testing.doubles.minimax.speech_request import MiniMaxSpeechRequest
from voxport.testing.doubles.speech import encoded, synthesize


class MiniMaxSpeechRoutes:
    def __init__(self, state: MiniMaxState) -> None:
        self._state = state
        self._running = 0

    def routes(self) -> list[Route]:
        return [self._state.route("/v1/t2a_v2", self._speak)]

    async def _speak(self, request: Request) -> Response:
        body = await wire.json_of(request)
        wanted = MiniMaxSpeechRequest.of(body)
        voice = self._usable(wanted.voice_id)
        if self._running >= self._state.account.concurrency:
            raise wire.Failure(1041)
        self._running += 1
        try:
            await anyio.sleep(self._state.account.latency)
            speech = synthesize(wanted.text, voice.mark, speed=wanted.speed)
            audio = await run_sync(encoded, speech, wire.FORMATS[wanted.format], wanted.rate, wanted.bit_rate)
            audio = spoil_audio(audio, request.state.fault)
        finally:
            self._running -= 1
        self._state.spoken.append(voice.voice_id)
        if voice.used_at is None and voice.voice_id in self._state.voices:
            self._state.activated.append(voice.voice_id)
        voice.used_at = self._state.clock.now()
        extra = wire.extra_info(audio, wanted.text, wanted.format, wanted.rate)
        trace = wire.trace_id()
        if wanted.stream:
            error = getattr(request.state.fault, "chunk_error", None)
            events = _events(audio, extra, trace, whole_at_end=not wanted.exclude_aggregated, error=error)
            return StreamingResponse(events, media_type="text/event-stream", headers={"Trace-Id": trace})
        shown = self._state.url(request, audio) if wanted.as_url else audio.hex()
        return wire.answer({"data": {"audio": shown, "status": 2}, "extra_info": extra, "trace_id": trace})

    def _usable(self, voice_id: str) -> MiniMaxVoice:
        if voice_id in self._state.account.foreign_voice_ids:
            raise wire.Failure(2042)
        voice = self._state.voices.get(voice_id) or self._state.system.get(voice_id)
        if voice is None:
            raise wire.Failure(2054)
        return voice


async def _events(
    audio: bytes, extra: dict[str, Any], trace: str, *, whole_at_end: bool, error: int | None
) -> AsyncIterator[bytes]:
    """Yield the parts and a last event with `extra_info`, which also has the whole audio unless that was excluded."""

    def event(part: bytes, status: int, code: int = 0, **more: Any) -> bytes:
        data = {"audio": part.hex(), "status": status, "ced": ""}
        body = {"data": data, "trace_id": trace, **more, "base_resp": wire.base_resp(code)}
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    size = 16_384
    for start in range(0, len(audio), size):
        yield event(audio[start : start + size], 1)
        if error is not None:
            yield event(b"", 1, error)
            return
    yield event(audio if whole_at_end else b"", 2, extra_info=extra)
