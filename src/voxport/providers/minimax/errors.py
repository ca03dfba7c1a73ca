"""Translates errors of MiniMax into errors that tell the caller what to do.

Every business error is HTTP 200 with a code in `base_resp`; a real HTTP error comes from a server in front of the
service. Its error messages are not passed on, because they address the operator and concern the operator's account.
"""

from __future__ import annotations

from typing import Any, Final

from voxport.errors import (
    Invalid,
    OutcomeUnknown,
    ProviderBusy,
    ProviderFailed,
    ProviderUnavailable,
    SampleUnusable,
    VoiceLost,
    VoxportError,
)
from voxport.providers.ids import trace_id
from voxport.providers.upstream import UpstreamResponse

TITLE: Final = "MiniMax"
DUPLICATE: Final = 2039

_BUSY: Final = {1002, 1039, 1041, 2045}
_DOWN: Final = {1000, 1013, 1024, 1033}
_BAD_KEY: Final = {1004, 2049}
_NO_CREDITS: Final = {1008, 1028, 1030, 2056}
_NOT_IN_PLAN: Final = {2038, 2061}
_VOICE_LOST: Final = {2042, 2054}
_BAD_SAMPLE: Final = {1043, 1044, 2037, 2048, 20132}
_SENSITIVE: Final = {1026, 1027}
_TIMEOUT: Final = 1001
_INVISIBLE: Final = 1042
_WAIT_SECONDS: Final = 5  # MiniMax names none


def code_of(body: Any) -> int | None:
    """Return the code of a response or an event; None if it has no valid code."""
    tail = body.get("base_resp") if isinstance(body, dict) else None
    code = tail.get("status_code") if isinstance(tail, dict) else None
    return code if isinstance(code, int) else None


def is_busy(code: int | None) -> bool:
    return code in _BUSY


def to_provider_error(answer: UpstreamResponse, body: Any = None, *, is_speech: bool = False) -> VoxportError:
    """Return our error for an error response, or for an event of its stream (`body`), to a text (`is_speech`) or to a
    recording."""
    code = code_of(answer.json() if body is None else body)
    error = _by_status(answer.status) if answer.status != 200 else _by_code(code, is_speech=is_speech)
    return label_error(error, answer, body)


def label_error(error: VoxportError, answer: UpstreamResponse | None, body: Any = None) -> VoxportError:
    """Add the provider's name and, from a response, its code and request id to the error's details."""
    if answer is None:
        error.details |= {"provider": "minimax"}
        return error
    said = answer.json() if body is None else body
    code = code_of(said)
    error.details |= {"provider": "minimax", **({"provider_code": code} if code is not None else {})}
    trace = trace_id((said.get("trace_id") if isinstance(said, dict) else None) or answer.headers.get("trace-id"))
    if trace:
        error.details["provider_request_id"] = trace
    return error


def _by_code(code: int | None, *, is_speech: bool = True) -> VoxportError:
    if code in _BUSY:
        text = f"{TITLE} has as many calls as it takes. Nothing was charged; try again in {_WAIT_SECONDS} s."
        return ProviderBusy(text, retry_after_seconds=_WAIT_SECONDS)
    if code in _VOICE_LOST:
        return VoiceLost(f"{TITLE} no longer has this voice.")
    if code in _NO_CREDITS:
        return ProviderUnavailable(f"The gateway's account at {TITLE} has no credits left. Nothing was charged.")
    if code in _NOT_IN_PLAN:
        return ProviderUnavailable(f"The gateway's plan at {TITLE} does not include this. Nothing was charged.")
    if code in _BAD_KEY:
        return ProviderUnavailable(f"{TITLE} refuses the gateway's key. Its operator has to look at it.")
    if code in _DOWN:
        return ProviderUnavailable(f"{TITLE} is down. Nothing was charged; try again in a minute.")
    if code == _TIMEOUT:
        return OutcomeUnknown(f"{TITLE} did not say what became of the call.")
    if code in _SENSITIVE and not is_speech:
        text = f"{TITLE} can't use this recording: it finds it sensitive. Send another, or use another provider."
        return SampleUnusable(text, details={"reason": "refused_by_provider"})
    if code in _SENSITIVE:
        return Invalid(f"{TITLE} does not speak this text: it finds it sensitive.", location=("body", "text"))
    if code == _INVISIBLE:
        text = "More than a tenth of the text can't be seen. Take the invisible characters out."
        return Invalid(text, location=("body", "text"))
    if code in _BAD_SAMPLE and not is_speech:
        return SampleUnusable(
            f"{TITLE} can't use this recording. Send 30 seconds or more of one person speaking clearly.",
            details={"reason": "refused_by_provider"},
        )
    if code is None:
        return OutcomeUnknown(f"{TITLE} did not say what became of the call.")
    return ProviderFailed(f"{TITLE} did not take the call. Nothing was charged.")


def is_key_error(code: int | None) -> bool:
    return code in _BAD_KEY


def is_down(code: int | None) -> bool:
    return code in _DOWN


def _by_status(status: int) -> VoxportError:
    if status == 429:
        return _by_code(1002)
    if status in (401, 403):
        return _by_code(1004)
    if status == 503:
        return _by_code(1024)
    # 408 and 5xx may come from an edge server that timed out long after the work began.
    return _by_code(_TIMEOUT) if status == 408 or status >= 500 else _by_code(2013)
