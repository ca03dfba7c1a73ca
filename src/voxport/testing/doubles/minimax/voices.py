"""File and voice routes of the MiniMax double: upload, clone, list, delete."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from anyio.to_thread import run_sync
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.testing.doubles.marks import mark_of
from voxport.testing.doubles.minimax import wire
from voxport.testing.doubles.minimax.account import SYSTEM, MiniMaxState, MiniMaxVoice
from voxport.testing.doubles.speech import encoded, synthesize

_FIRST_FILE: Final = 2**53 + 1_234_567
_DAY: Final = "2026-01-01"


@dataclass(frozen=True)
class _File:
    file_id: int
    purpose: str
    name: str
    content: bytes


class MiniMaxVoiceRoutes:
    def __init__(self, state: MiniMaxState) -> None:
        self._state = state
        self._files: dict[int, _File] = {}

    def routes(self) -> list[Route]:
        route = self._state.route
        return [
            route("/v1/files/upload", self._upload),
            route("/v1/files/delete", self._delete_file),
            route("/v1/voice_clone", self._clone),
            route("/v1/get_voice", self._list),
            route("/v1/delete_voice", self._delete),
        ]

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            purpose, file = form.get("purpose"), form.get("file")
            if not isinstance(purpose, str):
                raise wire.missing("purpose")
            if not isinstance(file, UploadFile):
                raise wire.missing("file")
            content, name = await file.read(), file.filename or ""
        if purpose not in wire.PURPOSES:
            raise wire.invalid("purpose")
        if len(content) > wire.FILE_BYTES:
            raise wire.invalid("file size exceeds 20MB")
        stored = _File(_FIRST_FILE + 2 * len(self._files), purpose, name, content)
        self._files[stored.file_id] = stored
        shown = {
            "file_id": stored.file_id,
            "bytes": len(content),
            "created_at": int(self._state.clock.now()),
            "filename": name,
            "purpose": purpose,
        }
        return wire.answer({"file": shown})

    async def _delete_file(self, request: Request) -> Response:
        body = await wire.json_of(request)
        if self._files.pop(body.get("file_id", 0), None) is None:
            raise wire.invalid("file not found")
        return wire.answer({"file_id": body["file_id"]})

    async def _clone(self, request: Request) -> Response:
        body = await wire.json_of(request)
        for name in ("file_id", "voice_id"):
            if not body.get(name):
                raise wire.missing(name)
        if not self._state.account.can_clone:
            raise wire.Failure(2038)
        voice_id, sample = str(body["voice_id"]), self._files.get(body["file_id"])
        if sample is None or sample.purpose != "voice_clone":
            raise wire.invalid("file_id")
        if PurePath(sample.name).suffix.lower() not in wire.EXTENSIONS:
            raise wire.invalid("invalid file ext for voice clone")
        if not wire.VOICE_ID.fullmatch(voice_id):
            raise wire.invalid("voice_id")
        if voice_id in self._state.voices or voice_id in self._state.used_voice_ids or voice_id in self._state.system:
            raise wire.Failure(2039)
        shortest, longest = wire.CLONE_SECONDS
        if not shortest <= await run_sync(_seconds, sample.content) <= longest:
            raise wire.Failure(2037)
        await self._check_prompt(body.get("clone_prompt"))
        mark = mark_of(sample.content)
        self._state.voices[voice_id] = MiniMaxVoice(voice_id, mark, self._state.clock.now())
        answer: dict[str, Any] = {"demo_audio": ""}
        if self._state.account.sensitive_object:
            answer["input_sensitive"] = {"type": 0}
        else:
            answer |= {"input_sensitive": False, "input_sensitive_type": 0}
        if body.get("text"):  # a preview; it doesn't activate the voice
            if body.get("model") not in wire.MODELS:
                raise wire.missing("model")
            audio = await run_sync(encoded, synthesize(str(body["text"]), mark), "mp3", 32_000, 128_000)
            answer |= {
                "demo_audio": self._state.url(request, audio),
                "extra_info": wire.extra_info(audio, str(body["text"]), "mp3", 32_000),
            }
        return wire.answer(answer)

    async def _check_prompt(self, prompt: Any) -> None:
        if prompt is None:
            return
        audio = self._files.get(prompt.get("prompt_audio", 0)) if isinstance(prompt, dict) else None
        if audio is None or audio.purpose != "prompt_audio" or not prompt.get("prompt_text"):
            raise wire.invalid("prompt_audio or audio_url is required")
        if await run_sync(_seconds, audio.content) >= wire.PROMPT_SECONDS:
            raise wire.Failure(2048)

    async def _list(self, request: Request) -> Response:
        kind = (await wire.json_of(request)).get("voice_type")
        if kind not in ("system", "voice_cloning", "voice_generation", "all"):
            raise wire.invalid("voice_type") if kind else wire.missing("voice_type")
        nothing: list[Any] | None = None if self._state.account.sends_null_for_empty else []
        body: dict[str, Any] = {"voice_generation": nothing}
        if kind in ("system", "all"):
            body["system_voice"] = [
                {"voice_id": voice_id, "description": ["A voice."], "voice_name": name, "created_time": "1970-01-01"}
                for voice_id, name in SYSTEM.items()
            ]
        if kind in ("voice_cloning", "all"):
            body["voice_cloning"] = [
                {"voice_id": voice.voice_id, "description": [], "created_time": _DAY}
                for voice in self._state.voices.values()
                if voice.used_at is not None
            ] or nothing
        return wire.answer(body)

    async def _delete(self, request: Request) -> Response:
        body = await wire.json_of(request)
        if body.get("voice_type") not in ("voice_cloning", "voice_generation"):
            raise wire.invalid("voice_type")
        voice_id = body.get("voice_id")
        if voice_id not in self._state.voices:
            raise wire.invalid("voice_id")
        self._state.remove(voice_id)
        return wire.answer({"voice_id": voice_id, "created_time": str(int(self._state.clock.now()))})


def _seconds(content: bytes) -> float:
    """Return the length of a recording in seconds, or 0 if it is invalid."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        command = [str(find_ffmpeg()), "-v", "error", "-i", file.name, "-f", "s16le", "-ac", "1", "-ar", "8000", "-"]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # our own program
    return len(done.stdout) / 16_000
