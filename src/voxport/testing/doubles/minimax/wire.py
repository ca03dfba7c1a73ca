"""Codes, fields and limits of MiniMax, from PROVIDERS.md section 2."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

MESSAGES: Final = {
    0: "success",
    1000: "unknown error",
    1001: "request timeout",
    1002: "rate limit",
    1004: "login fail: Please carry the API secret key in the 'Authorization' field of the request header",
    1008: "insufficient balance",
    1013: "internal service error",
    1024: "internal error",
    1026: "input new_sensitive",
    1027: "output new_sensitive",
    1033: "mysql failed",
    1039: "token limit",
    1041: "conn limit",
    1042: "invisible character ratio limit",
    1043: "The asr similarity check failed",
    1044: "clone prompt similarity check failed",
    2013: "invalid params",
    20132: "invalid samples or voice_id",
    2037: "voice duration too short",
    2038: "no cloning permission, check account verification",
    2039: "voice clone voice id duplicate",
    2042: "you don't have access to this voice_id",
    2045: "rate growth limit",
    2048: "prompt audio too long",
    2049: "invalid API Key",
    2054: "voice id not exist",
    2056: "usage limit exceeded",
    2061: "the model is not in your plan",
}
MODELS: Final = frozenset(
    f"speech-{version}-{kind}" for version in ("2.8", "2.6", "02", "01") for kind in ("hd", "turbo")
)
RATES: Final = (8000, 16_000, 22_050, 24_000, 32_000, 44_100)
BIT_RATES: Final = (32_000, 64_000, 128_000, 256_000)
FORMATS: Final = {
    "mp3": "mp3",
    "pcm": "pcm",
    "flac": "flac",
    "wav": "wav",
    "pcmu_raw": "ulaw",
    "pcmu_wav": "ulaw_wav",
    "opus": "opus",
}
"""Maps each format to its name in `speech.encoded`."""
PURPOSES: Final = ("voice_clone", "prompt_audio", "t2a_async_input", "video_understanding", "video_generation_input")
LANGUAGE_BOOSTS: Final = {
    "Chinese", "Chinese,Yue", "English", "Arabic", "Russian", "Spanish", "French", "Portuguese", "German", "Turkish",
    "Dutch", "Ukrainian", "Vietnamese", "Indonesian", "Japanese", "Italian", "Korean", "Thai", "Polish", "Romanian",
    "Greek", "Czech", "Finnish", "Hindi", "Bulgarian", "Danish", "Hebrew", "Malay", "Persian", "Slovak", "Swedish",
    "Croatian", "Filipino", "Hungarian", "Norwegian", "Slovenian", "Catalan", "Nynorsk", "Tamil", "Afrikaans", "auto",
}  # fmt: skip
MAX_TEXT_LENGTH: Final = 10_000
CLONE_SECONDS: Final = (10.0, 300.0)
PROMPT_SECONDS: Final = 8.0
FILE_BYTES: Final = 20 * 1024 * 1024
EXTENSIONS: Final = (".mp3", ".m4a", ".wav")
VOICE_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{6,254}[A-Za-z0-9]")


class Failure(Exception):
    """A business error: HTTP 200 with the code in `base_resp`."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def base_resp(code: int = 0, message: str | None = None) -> dict[str, Any]:
    return {"status_code": code, "status_msg": message or MESSAGES.get(code, "unknown error")}


def answer(body: dict[str, Any], *, code: int = 0, message: str | None = None) -> JSONResponse:
    """Return the body with `base_resp` appended and the trace id in a header."""
    trace = body.get("trace_id") or trace_id()
    return JSONResponse({**body, "base_resp": base_resp(code, message)}, headers={"Trace-Id": trace})


def trace_id() -> str:
    return secrets.token_hex(16)


def missing(path: str) -> Failure:
    return Failure(2013, f"invalid params, binding: expr_path={path}, cause=missing required parameter")


def invalid(path: str) -> Failure:
    return Failure(2013, f"invalid params, {path}")


def extra_info(audio: bytes, text: str, kind: str, rate: int) -> dict[str, Any]:
    seconds = len(audio) / (2 * rate) if kind in ("pcm", "wav") else 0.06 * len(text)
    return {
        "audio_length": round(1000 * seconds),
        "audio_sample_rate": rate,
        "audio_size": len(audio),
        "bitrate": 128_000,
        "word_count": len(text.split()),
        "invisible_character_ratio": 0,
        "usage_characters": len(text),
        "audio_format": kind,
        "audio_channel": 1,
    }


async def json_of(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise invalid("malformed JSON") from None
    if not isinstance(body, dict):
        raise invalid("malformed JSON")
    return body
