"""The state of an ElevenLabs account: plan, keys, voices."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from voxport.testing.doubles.base import DoubleServer
from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.elevenlabs import wire
from voxport.testing.doubles.marks import mark_of

ALL_SCOPES: Final = frozenset(
    {"text_to_speech", "voices_read", "voices_write", "models_read", "user_read", "dubbing_read", "dubbing_write"}
)
_PREMADE: Final = {
    "21m00Tcm4TlvDq8ikWAM": ("Rachel", "female"),
    "JBFqnCBsd6RMkjVDRZzb": ("George", "male"),
    "EXAVITQu4vr4xnSDxMaL": ("Sarah", "female"),
}


@dataclass
class ElevenLabsAccount:
    """An account's settings.

    `keys` maps each key to its scopes. `quota_status` is the response to an exhausted quota, 401 or 402. With `queues`,
    calls over the concurrency limit wait instead of being refused.
    """

    keys: dict[str, frozenset[str]] = field(default_factory=lambda: {"xi-good": ALL_SCOPES})
    tier: str = "creator"
    can_clone: bool = True
    voice_limit: int = 30
    character_limit: int = 1_000_000
    character_count: int = 0
    concurrency: int = 5
    queues: bool = False
    sends_concurrency: bool = False
    quota_status: int = 401
    latency: float = 0.0
    """Duration of a synthesis in seconds."""
    go_on: threading.Event | None = None
    """If set, each synthesis waits for this event."""
    requires_verification: bool = False
    library_voice_match: dict[str, str] | None = None


@dataclass(frozen=True)
class ElevenLabsVoice:
    voice_id: str
    name: str
    category: str
    mark: int
    labels: dict[str, str]
    description: str | None
    created_at: int
    requires_verification: bool = False


class ElevenLabsState(DoubleServer):
    """The state of the double. `voices` holds the account's own voices."""

    def __init__(self, account: ElevenLabsAccount, clock: ManualClock) -> None:
        super().__init__()
        self.account = account
        self.clock = clock
        self.voices: dict[str, ElevenLabsVoice] = {}
        self.premade = {
            voice_id: ElevenLabsVoice(voice_id, name, "premade", mark_of(name.encode()), {"gender": gender}, None, 0)
            for voice_id, (name, gender) in _PREMADE.items()
        }
        self.lists_hide_until = 0.0
        """Until this monotonic time no list contains the account's own voices, as if they were still being created."""
        self.spoken: list[str] = []
        """The voice of each completed, billed synthesis."""

    def require(self, request: Request, scope: str) -> None:
        """Raise ErrorAnswer (401) unless the `xi-api-key` header has the scope. Other headers don't authenticate."""
        key = request.headers.get("xi-api-key")
        if key is None and "authorization" in request.headers:
            message = "The authorization header is invalid."
            raise wire.error(401, "authentication_error", "invalid_authorization_header", message)
        if key is None:
            message = "Neither authorization header nor xi-api-key received, please provide one."
            raise wire.error(401, "authentication_error", "unauthorized", message, status="needs_authorization")
        if key not in self.account.keys:
            raise wire.error(401, "authentication_error", "unauthorized", "Invalid API key", status="invalid_api_key")
        if scope not in self.account.keys[key]:
            message = f"The API key you used is missing the permission {scope} to execute this operation."
            raise wire.error(401, "authentication_error", "unauthorized", message, status="missing_permissions")

    def voice(self, voice_id: str, *, absent: int) -> ElevenLabsVoice:
        """Return a voice. Raises ErrorAnswer with the status `absent` if there is none.

        All routes but speech use 400, with which a malformed id has an error code of its own.
        """
        found = self.voices.get(voice_id) or self.premade.get(voice_id)
        if found is not None:
            return found
        if absent == 400 and not wire.is_id(voice_id):
            raise wire.error(
                400,
                "invalid_request",
                "bad_request",
                f"An invalid ID has been received: '{voice_id}'. Make sure to provide a correct one.",
                status="invalid_uid",
            )
        message = f"A voice with voice_id '{voice_id}' was not found."
        raise wire.error(absent, "not_found", "voice_not_found", message)
