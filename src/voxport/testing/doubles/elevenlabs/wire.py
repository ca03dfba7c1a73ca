"""Response and error bodies and audio formats of ElevenLabs, from PROVIDERS.md section 1."""

from __future__ import annotations

import secrets
import string
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, TypeAdapter, ValidationError
from starlette.responses import JSONResponse

from voxport.testing.doubles.base import ErrorAnswer

_REGION: Final = "us-central1"
_ALPHABET: Final = string.ascii_letters + string.digits
_BITRATES: Final = {
    "mp3": ("22050_32", "24000_48", "44100_32", "44100_64", "44100_96", "44100_128", "44100_192"),
    "pcm": ("8000", "16000", "22050", "24000", "32000", "44100", "48000"),
    "ulaw": ("8000",),
    "alaw": ("8000",),
    "opus": ("48000_32", "48000_64", "48000_96", "48000_128", "48000_192"),
    "wav": ("8000", "16000", "22050", "24000", "32000", "44100", "48000"),
}
FORMATS: Final = frozenset(f"{codec}_{rest}" for codec, rests in _BITRATES.items() for rest in rests)
STREAM_FORMATS: Final = frozenset(name for name in FORMATS if not name.startswith("wav"))
MODELS: Final = {
    "eleven_multilingual_v2": 10_000,
    "eleven_flash_v2_5": 40_000,
    "eleven_turbo_v2_5": 40_000,
    "eleven_v3": 5_000,
}
"""Maximum text length of a request, in characters, by model."""
_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "pl", "hi", "ja", "zh", "ko", "ar")


class _VoiceSettings(BaseModel):
    model_config = ConfigDict(extra="allow")

    stability: Annotated[float | None, Field(ge=0, le=1)] = None
    similarity_boost: Annotated[float | None, Field(ge=0, le=1)] = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None


class SpeechBody(BaseModel):
    """What is checked before the key is; the rest comes after it."""

    model_config = ConfigDict(extra="allow")

    text: StrictStr
    model_id: str = "eleven_multilingual_v2"
    language_code: str | None = None
    voice_settings: _VoiceSettings | None = None
    seed: int | None = None
    apply_text_normalization: Literal["auto", "on", "off"] = "auto"
    apply_language_text_normalization: StrictBool = False


def error(
    http: int, kind: str, code: str, message: str, *, status: str | None = None, param: str | None = None
) -> ErrorAnswer:
    """Return an error in the envelope of 2026: `type`, `code`, `message`, `status`, `request_id`, optional `param`."""
    trace = trace_id()
    detail = {"type": kind, "code": code, "message": message, "status": status or code, "request_id": trace}
    if param is not None:
        detail["param"] = param
    return ErrorAnswer(JSONResponse({"detail": detail}, http, headers=_traced(trace)))


def legacy_error(http: int, status: str, message: str) -> ErrorAnswer:
    """Return an error in the older envelope: only `status` and `message`."""
    detail = {"status": status, "message": message}
    return ErrorAnswer(JSONResponse({"detail": detail}, http, headers=_traced(trace_id())))


def unprocessable(problems: list[dict[str, Any]]) -> ErrorAnswer:
    """Return an error in the format of FastAPI's 422."""
    return ErrorAnswer(JSONResponse({"detail": problems}, 422, headers=_traced(trace_id())))


def checked_body(content: bytes) -> SpeechBody:
    """Parse the body of a speech request. Raises ErrorAnswer (422)."""
    try:
        return TypeAdapter(SpeechBody).validate_json(content or b"null")
    except ValidationError as failure:
        raise unprocessable(
            [
                {"type": one["type"], "loc": ["body", *one["loc"]], "msg": one["msg"], "input": _plain(one["input"])}
                for one in failure.errors(include_url=False)
            ]
        ) from None


def missing(*names: str) -> ErrorAnswer:
    return unprocessable(
        [{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None} for name in names]
    )


def success_headers(*, characters: int, concurrent: tuple[int, int] | None) -> dict[str, str]:
    """Return the headers of a speech response.

    `concurrent` is (running, maximum) if the account sends it.
    """
    headers = {
        "request-id": new_id(),
        "history-item-id": new_id(),
        "character-cost": str(characters),
        **_traced(trace_id()),
    }
    if concurrent is not None:
        running, most = concurrent
        headers |= {"current-concurrent-requests": str(running), "maximum-concurrent-requests": str(most)}
    return headers


def new_id() -> str:
    """Return an id of 20 letters and digits, like those of voices."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


def is_id(text: str) -> bool:
    return len(text) == 20 and all(letter in _ALPHABET for letter in text)


def trace_id() -> str:
    return secrets.token_hex(16)


def model_list() -> list[dict[str, Any]]:
    return [
        {
            "model_id": name,
            "name": name.replace("_", " ").title(),
            "description": "",
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "can_be_finetuned": False,
            "can_use_style": True,
            "can_use_speaker_boost": True,
            "serves_pro_voices": False,
            "token_cost_factor": 1.0,
            "requires_alpha_access": False,
            "maximum_text_length_per_request": longest,
            "languages": [{"language_id": code, "name": code} for code in _LANGUAGES],
            "model_rates": {"character_cost_multiplier": 1.0},
            "concurrency_group": "standard",
        }
        for name, longest in MODELS.items()
    ]


def _traced(trace: str) -> dict[str, str]:
    return {"x-trace-id": trace, "x-region": _REGION}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict) else None
