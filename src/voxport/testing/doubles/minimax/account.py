"""The state of a MiniMax account: keys, voices, files."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxport.testing.doubles.base import DoubleServer
from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.marks import mark_of
from voxport.testing.doubles.minimax import wire

UNUSED_SECONDS: Final = 7 * 86_400.0
"""A clone is deleted after this time without a synthesis."""
SYSTEM: Final = {
    "English_expressive_narrator": "Expressive Narrator",
    "English_Graceful_Lady": "Graceful Lady",
    "Chinese (Mandarin)_News_Anchor": "News Anchor",
}


@dataclass
class MiniMaxAccount:
    """An account's settings.

    `sends_null_for_empty`: empty lists and files are null instead of being absent or empty. `sensitive_object`:
    `input_sensitive` has the shape of the schema instead of the example's. `foreign_voice_ids`: voices of another
    account.
    """

    keys: set[str] = field(default_factory=lambda: {"sk-api-good"})
    can_clone: bool = True
    concurrency: int = 1_000
    latency: float = 0.0
    sends_null_for_empty: bool = False
    sensitive_object: bool = False
    foreign_voice_ids: set[str] = field(default_factory=set)


@dataclass
class MiniMaxVoice:
    voice_id: str
    mark: int
    created_at: float
    used_at: float | None = None


class MiniMaxState(DoubleServer):
    """The state of the double. `voices` holds the existing clones."""

    def __init__(self, account: MiniMaxAccount, clock: ManualClock) -> None:
        super().__init__()
        self.account = account
        self.clock = clock
        self.voices: dict[str, MiniMaxVoice] = {}
        self.system = {voice_id: MiniMaxVoice(voice_id, mark_of(voice_id.encode()), 0.0) for voice_id in SYSTEM}
        self.used_voice_ids: set[str] = set()
        """Ids that were in use once. They can't be used again."""
        self.spoken: list[str] = []
        """The voice of each completed, billed synthesis."""
        self.activated: list[str] = []
        """The clones that were charged, each at its first synthesis."""
        self._downloads: dict[str, bytes] = {}

    def route(self, path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        async def serve(request: Request) -> Response:
            self._forget_unused()
            try:
                self._require(request)
                return await handler(request)
            except wire.Failure as failure:
                return self._refusal(path, failure)

        return Route(path, self.handled(serve), methods=["POST"])

    def remove(self, voice_id: str) -> None:
        self.voices.pop(voice_id, None)
        self.used_voice_ids.add(voice_id)

    def url(self, request: Request, content: bytes) -> str:
        """Return a URL that serves `content`."""
        name = f"{secrets.token_hex(8)}.mp3"
        self._downloads[name] = content
        return f"{request.base_url}download/{name}"

    async def download(self, request: Request) -> Response:
        content = self._downloads.get(request.path_params["name"])
        return Response(content, media_type="audio/mpeg") if content is not None else Response(status_code=404)

    def _refusal(self, path: str, failure: wire.Failure) -> Response:
        body: dict[str, Any] = {}
        if path == "/v1/t2a_v2":
            body = {"data": None, "trace_id": wire.trace_id()}
        elif path == "/v1/files/upload" and self.account.sends_null_for_empty:
            body = {"file": None}
        return wire.answer(body, code=failure.code, message=failure.message)

    def _require(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            raise wire.Failure(1004)
        if key not in self.account.keys:
            raise wire.Failure(2049)

    def _forget_unused(self) -> None:
        for voice in list(self.voices.values()):
            if self.clock.now() - (voice.used_at or voice.created_at) > UNUSED_SECONDS:
                self.remove(voice.voice_id)
