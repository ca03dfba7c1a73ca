"""Translates errors of ElevenLabs into errors that tell the caller what to do.

Its errors have four shapes, and the reason may be in `type`, `code` or `status` (the older name). All three are
checked before the HTTP status: an empty account is 401 or 402, an unknown voice 400 or 404, a plan without cloning 400.
Its error messages are not passed on, because they address the operator and concern the operator's account.
"""

from __future__ import annotations

import math
from typing import Any, Final

from voxport.errors import (
    Invalid,
    OutcomeUnknown,
    ProviderBusy,
    ProviderFailed,
    ProviderUnavailable,
    SampleUnusable,
    SlotsFull,
    VoiceLost,
    VoxportError,
)
from voxport.providers.ids import trace_id
from voxport.providers.upstream import UpstreamResponse

TITLE: Final = "ElevenLabs"

_VOICE_LOST: Final = {"voice_not_found", "voice_does_not_exist", "invalid_uid", "invalid_voice_id"}
_SLOTS_FULL: Final = {"voice_limit_reached"}
_NO_CREDITS: Final = {"quota_exceeded", "insufficient_credits"}
_NOT_IN_PLAN: Final = {
    "payment_required",
    "paid_plan_required",
    "can_not_use_instant_voice_cloning",
    "subscription_required",
    "feature_not_available",
}
_BAD_SAMPLE: Final = {
    "invalid_content",
    "invalid_audio",
    "invalid_audio_format",
    "invalid_file_type",
    "audio_too_long",
    "audio_too_short",
    "duplicate_files",
    "request_too_large",
}
_TOO_LONG: Final = {"max_character_limit_exceeded", "text_too_long"}
_BAD_TEXT: Final = {"text_too_short", "invalid_text", "empty_text"}
_UNVERIFIED: Final = {"voice_access_denied"}
_MAX_WAIT: Final = 3_600.0
_DEFAULT_WAIT: Final = 5  # seconds, if a refusal names none


def is_busy(answer: UpstreamResponse) -> bool:
    return answer.status == 429


def retry_after(answer: UpstreamResponse) -> float | None:
    """Return the seconds of `Retry-After`, at most `_MAX_WAIT`; None if it has no number."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(0.0, seconds), _MAX_WAIT) if math.isfinite(seconds) else None


def reasons(answer: UpstreamResponse) -> set[str]:
    """Return the reason codes in `type`, `code` and `status`."""
    detail = _detail(answer)
    if not isinstance(detail, dict):
        return set()
    return {value for name in ("type", "code", "status") if isinstance(value := detail.get(name), str)}


def is_voice_lost(answer: UpstreamResponse) -> bool:
    return bool(reasons(answer) & _VOICE_LOST)


def to_provider_error(answer: UpstreamResponse, *, is_speech: bool = False) -> VoxportError:
    """Return our error for an error response, to a text (`is_speech`) or to a recording."""
    return label_error(_classify(answer, is_speech=is_speech), answer)


def label_error(error: VoxportError, answer: UpstreamResponse | None) -> VoxportError:
    """Add the provider's name and, from a response, its request id to the error's details."""
    error.details |= {"provider": "elevenlabs", **(_trace(answer) if answer is not None else {})}
    return error


def _classify(answer: UpstreamResponse, *, is_speech: bool) -> VoxportError:
    why, status = reasons(answer), answer.status
    if why & _VOICE_LOST and status in (400, 404):
        return VoiceLost(f"{TITLE} no longer has this voice.")
    if why & _SLOTS_FULL:
        return SlotsFull(f"The gateway's account at {TITLE} holds as many voices as its plan allows.")
    if why & _NO_CREDITS:
        return ProviderUnavailable(f"The gateway's account at {TITLE} has no credits left. Nothing was charged.")
    if why & _NOT_IN_PLAN or status == 402:
        return ProviderUnavailable(f"The gateway's plan at {TITLE} does not include this. Nothing was charged.")
    if status == 429:
        wait = round(retry_after(answer) or _DEFAULT_WAIT)
        text = f"{TITLE} has as many calls as it takes. Nothing was charged; try again in {max(1, wait)} s."
        return ProviderBusy(text, retry_after_seconds=max(1, wait))
    if why & _UNVERIFIED:
        return ProviderFailed(f"{TITLE} wants this voice to be verified by its speaker before it speaks.")
    if status in (401, 403):
        return ProviderUnavailable(f"{TITLE} refuses the gateway's key. Its operator has to look at it.")
    if status == 503:
        return ProviderUnavailable(f"{TITLE} is down. Nothing was charged; try again in a minute.")
    if status == 408 or status >= 500:  # may come from an edge server that timed out long after the work began
        return OutcomeUnknown(f"{TITLE} did not say what became of the call.")
    return _bad_request_error(answer, why, is_speech=is_speech)


def _bad_request_error(answer: UpstreamResponse, why: set[str], *, is_speech: bool) -> VoxportError:
    """Return the error for a request that ElevenLabs rejects as invalid."""
    if why & _BAD_SAMPLE and not is_speech:
        return SampleUnusable(
            f"{TITLE} can't use this recording. Send 30 seconds or more of one person speaking clearly.",
            details={"reason": "refused_by_provider"},
        )
    if "invalid_voice_settings" in why:
        return Invalid(f"{TITLE} does not take these settings.", location=("body", "voice_settings"))
    if why & _TOO_LONG or (is_speech and "request_too_large" in why):
        return Invalid(f"The text is longer than {TITLE} takes. Split it.", location=("body", "text"))
    if why & _BAD_TEXT:
        return Invalid(f"{TITLE} can't speak this text.", location=("body", "text"))
    field = _field(_detail(answer))
    if field is not None:
        return Invalid(f"{TITLE} does not take this value.", location=("body", *field))
    return ProviderFailed(f"{TITLE} did not take the call. Nothing was charged.")


def _field(detail: Any) -> tuple[str, ...] | None:
    """Return the field of our request that the first problem is about, if there is one."""
    problem = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
    named = problem.get("loc")
    location = [str(part) for part in named if part != "body"] if isinstance(named, list) else []
    ours = {"stability", "similarity_boost", "style", "speed"}
    if location[:1] == ["text"]:
        return ("text",)
    if len(location) == 2 and location[0] == "voice_settings" and location[1] in ours:
        return ("voice_settings", location[1])
    return None


def _detail(answer: UpstreamResponse) -> Any:
    body = answer.json()
    return body.get("detail") if isinstance(body, dict) else None


def _trace(answer: UpstreamResponse) -> dict[str, str]:
    """Return the provider's request id, for its support."""
    detail = _detail(answer)
    found = detail.get("request_id") if isinstance(detail, dict) else None
    found = found or answer.headers.get("x-trace-id") or answer.headers.get("request-id")
    trace = trace_id(found)
    return {"provider_request_id": trace} if trace else {}
