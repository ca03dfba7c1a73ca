"""Error responses of ElevenLabs and MiniMax, with the response that the caller must get for each.

A row is one provider response to one kind of our calls. The bodies that were captured or documented are in the order of
PROVIDERS.md, sections 1.1, 1.7 and 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Provider = Literal["elevenlabs", "minimax"]
CallKind = Literal["speech", "stream", "clone's speech", "instant clone", "upload", "delete", "account"]
"""The call that gets the response. `speech` and `stream` use a stock voice, `clone's speech` a clone. `upload` is the
upload of an instant clone's sample. `account` is a request about the account itself, made before any call."""

MESSAGE: Final = "This sentence is for the operator of the account."
"""Message of every body whose own message was not captured."""
TRACE: Final = "332f9d0c6a1b4e57a0c1"
ALWAYS: Final = 99
"""Value of `times` for a response that is repeated without end."""


@dataclass(frozen=True)
class Expect:
    """The caller's response. `word` is a substring of our message."""

    status: int
    code: str
    word: str


SUCCESS: Final = Expect(200, "", "")
KEY: Final = Expect(503, "provider_unavailable", "refuses the gateway's key")
NO_CREDITS: Final = Expect(503, "provider_unavailable", "no credits left")
PLAN: Final = Expect(503, "provider_unavailable", "plan")
FULL: Final = Expect(503, "provider_unavailable", "as many voices")
DOWN: Final = Expect(503, "provider_unavailable", "is down")
SILENT: Final = Expect(503, "provider_unavailable", "does not answer")
UNUSABLE: Final = Expect(503, "provider_unavailable", "can't be used")
BUSY: Final = Expect(429, "provider_busy", "try again in")
LOST: Final = Expect(502, "provider_failed", "no longer has this voice")
VERIFY: Final = Expect(502, "provider_failed", "verified by its speaker")
REFUSED: Final = Expect(502, "provider_failed", "did not take the call")
NO_ID: Final = Expect(502, "provider_failed", "no id for this voice")
NO_FILE: Final = Expect(502, "provider_failed", "did not take the recording")
NO_AUDIO: Final = Expect(502, "provider_failed", "no audio")
UNKNOWN: Final = Expect(504, "provider_timeout", "did not say")
SAMPLE: Final = Expect(400, "sample_unusable", "can't use this recording")
SENSITIVE_SAMPLE: Final = Expect(400, "sample_unusable", "finds it sensitive")
PROTECTED: Final = Expect(400, "sample_unusable", "protected voice")
TOO_LONG: Final = Expect(422, "validation_failed", "longer than")
TEXT: Final = Expect(422, "validation_failed", "can't speak this text")
VALUE: Final = Expect(422, "validation_failed", "does not take this value")
SETTINGS: Final = Expect(422, "validation_failed", "does not take these settings")
SENSITIVE: Final = Expect(422, "validation_failed", "finds it sensitive")
INVISIBLE: Final = Expect(422, "validation_failed", "can't be seen")


@dataclass(frozen=True)
class Row:
    """`trace` is the provider's request id, if the response has one. `times` is how many of our requests get the
    response."""

    provider: Provider
    call_kind: CallKind
    name: str
    status: int
    body: Any
    expect: Expect
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    times: int = 1
    trace: str | None = None
    path: str = ""
    method: str | None = None

    @property
    def id(self) -> str:
        return f"{self.provider}: {self.call_kind}: {self.name}"


# ElevenLabs


def _traced(**more: str) -> dict[str, str]:
    return {"x-trace-id": TRACE, "x-region": "us-central1", **more}


def _eleven(
    call_kind: CallKind,
    http: int,
    kind: str,
    code: str,
    expect: Expect,
    *,
    status: str = "",
    message: str = MESSAGE,
    **more: Any,
) -> Row:
    """Return a row with the error envelope of 2026. `status`, the older name of the reason, defaults to `code`."""
    detail = {"type": kind, "code": code, "message": message, "status": status or code, "request_id": TRACE}
    name = f"{http} `{code}`" + (f", `{status}`" if status else "")
    return Row("elevenlabs", call_kind, name, http, {"detail": detail}, expect, headers=_traced(), trace=TRACE, **more)


def _legacy(call_kind: CallKind, http: int, status: str, expect: Expect, message: str = MESSAGE, **more: Any) -> Row:
    """Return a row with the older error envelope, which has the request id in a header only."""
    body = {"detail": {"status": status, "message": message}}
    name = f"{http} `{status}`, the older body"
    return Row("elevenlabs", call_kind, name, http, body, expect, headers=_traced(), trace=TRACE, **more)


def _fastapi(call_kind: CallKind, name: str, expect: Expect, *problems: dict[str, Any]) -> Row:
    return Row(
        "elevenlabs", call_kind, f"422 {name}", 422, {"detail": list(problems)}, expect, headers=_traced(), trace=TRACE
    )


def _plain(
    call_kind: CallKind, http: int, expect: Expect, text: str = "<html><h1>Bad gateway</h1></html>", **more: Any
) -> Row:
    """Return a row with a response of the proxy in front of the service."""
    return Row("elevenlabs", call_kind, f"{http}, HTML", http, text, expect, content_type="text/html", **more)


def _all(call_kind: CallKind, http: int, kind: str, expect: Expect, *codes: str) -> list[Row]:
    return [_eleven(call_kind, http, kind, code, expect) for code in codes]


_STABILITY: Final = {
    "type": "less_than_equal",
    "loc": ["body", "voice_settings", "stability"],
    "msg": "Input should be less than or equal to 1",
    "input": 2,
    "ctx": {"le": 1.0},
}
_UNAUTHORIZED: Final = ("authentication_error", "unauthorized")
_CONCURRENT: Final = (
    "Too many concurrent requests. Your current subscription is associated with a maximum of 4 concurrent requests "
    "(running in parallel). Please upgrade."
)


def _missing(name: str) -> dict[str, Any]:
    return {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}


def _eleven_busy(call_kind: CallKind, code: str, message: str = MESSAGE, **more: Any) -> Row:
    row = _eleven(call_kind, 429, "rate_limit_error", code, BUSY, message=message, times=ALWAYS)
    return replace(row, **more)


_ELEVEN_KEY: Final = [
    ("invalid_api_key", "Invalid API key"),
    ("needs_authorization", "Neither authorization header nor xi-api-key received, please provide one."),
    (
        "missing_permissions",
        "The API key you used is missing the permission text_to_speech to execute this operation.",
    ),
]

ELEVENLABS: Final[list[Row]] = [
    # Speech: captured responses
    *(_eleven("speech", 401, *_UNAUTHORIZED, KEY, status=why, message=said) for why, said in _ELEVEN_KEY),
    _legacy("speech", 401, "quota_exceeded", NO_CREDITS, "This request exceeds your quota of 1000."),
    _eleven("speech", 401, "invalid_request", "quota_exceeded", NO_CREDITS),
    _eleven("speech", 404, "not_found", "voice_not_found", LOST, message="A voice with voice_id 'x' was not found."),
    _eleven("speech", 404, "not_found", "voice_does_not_exist", LOST),
    _eleven("clone's speech", 404, "not_found", "voice_not_found", SUCCESS),
    _eleven("clone's speech", 400, "not_found", "voice_not_found", SUCCESS),
    _eleven("delete", 400, "not_found", "voice_not_found", SUCCESS),
    _eleven("delete", 404, "not_found", "voice_not_found", SUCCESS),
    _eleven("speech", 400, "invalid_request", "bad_request", LOST, status="invalid_uid"),
    _eleven("clone's speech", 400, "invalid_request", "bad_request", SUCCESS, status="invalid_uid"),
    _legacy(
        "speech",
        400,
        "max_character_limit_exceeded",
        TOO_LONG,
        "This request's text has 627 characters and exceeds the character limit of 500 characters.",
    ),
    _eleven("speech", 402, "payment_required", "paid_plan_required", PLAN, message="Free users cannot use this."),
    _eleven("account", 404, "not_found", "workspace_not_found", SUCCESS, path="/v1/models"),
    _fastapi("speech", "on `stability`", VALUE, _STABILITY),
    _fastapi("speech", "without `text`", VALUE, _missing("text")),
    _eleven_busy("speech", "concurrent_limit_exceeded", _CONCURRENT),
    _eleven_busy("speech", "system_busy"),
    _eleven_busy("speech", "rate_limit_exceeded"),
    _eleven_busy(
        "speech",
        "rate_limit_exceeded",
        name="429 `rate_limit_exceeded`, `Retry-After: 7`",
        headers=_traced(**{"Retry-After": "7"}),
    ),
    # Speech: documented responses
    *_all("speech", 400, "validation_error", TOO_LONG, "text_too_long"),
    *_all("speech", 400, "validation_error", TEXT, "text_too_short", "invalid_text", "empty_text"),
    *_all("speech", 400, "validation_error", REFUSED, "invalid_parameters", "missing_required_field"),
    *_all("speech", 400, "invalid_request", LOST, "invalid_voice_id"),
    *_all("speech", 400, "validation_error", REFUSED, "unsupported_model", "invalid_output_format"),
    *_all("speech", 400, "validation_error", REFUSED, "invalid_page_size", "invalid_cursor", "malformed_json"),
    *_all("speech", 400, "validation_error", REFUSED, "bad_request", "invalid_content_type"),
    *_all("speech", 400, "validation_error", SETTINGS, "invalid_voice_settings"),
    *_all("speech", 400, "invalid_request", TOO_LONG, "request_too_large"),
    *_all("speech", 401, "authentication_error", KEY, "invalid_api_key", "missing_api_key", "sign_in_required"),
    *_all("speech", 401, "authentication_error", KEY, "invalid_authorization_header", "unauthorized"),
    *_all("speech", 402, "payment_required", NO_CREDITS, "insufficient_credits"),
    *_all("speech", 403, "authorization_error", KEY, "forbidden", "insufficient_permissions"),
    *_all("speech", 403, "authorization_error", KEY, "workspace_access_denied", "model_access_denied"),
    *_all("speech", 403, "authorization_error", PLAN, "feature_not_available", "subscription_required"),
    *_all("speech", 403, "authorization_error", VERIFY, "voice_access_denied"),
    *_all("speech", 404, "not_found", REFUSED, "model_not_found", "sample_not_found", "dubbing_not_found"),
    *_all("speech", 409, "conflict", REFUSED, "voice_already_exists", "resource_already_exists", "already_running"),
    *_all("speech", 409, "conflict", REFUSED, "already_processing", "concurrent_modification"),
    _eleven("speech", 425, "invalid_request", "dubbing_not_ready", REFUSED),
    _eleven("speech", 500, "internal_error", "internal_error", UNKNOWN),
    *_all("speech", 503, "service_unavailable", DOWN, "service_unavailable", "maintenance"),
    # Speech: other bodies, and empty ones
    Row("elevenlabs", "speech", "400, a string as `detail`", 400, {"detail": MESSAGE}, REFUSED),
    Row("elevenlabs", "speech", "400, a list as the body", 400, [MESSAGE], REFUSED),
    Row("elevenlabs", "speech", "403, an empty body", 403, "", KEY, content_type="text/plain"),
    Row("elevenlabs", "speech", "307, a redirect", 307, "", REFUSED, headers={"Location": "http://127.0.0.1:9/"}),
    _plain("speech", 408, UNKNOWN),
    _plain("speech", 500, UNKNOWN),
    _plain("speech", 502, UNKNOWN),
    _plain("speech", 503, DOWN),
    _plain("speech", 504, UNKNOWN),
    replace(_eleven("speech", 200, "invalid_request", "quota_exceeded", NO_CREDITS), name="200, an error as JSON"),
    Row("elevenlabs", "speech", "200, other JSON", 200, {"text": MESSAGE}, REFUSED),
    Row("elevenlabs", "speech", "200, empty", 200, "", NO_AUDIO, content_type="audio/mpeg"),
    _plain("speech", 200, NO_AUDIO),
    # A stream is rejected before its first audio, in the same way
    _eleven("stream", 401, *_UNAUTHORIZED, KEY, status="invalid_api_key"),
    _eleven("stream", 404, "not_found", "voice_not_found", LOST),
    _eleven_busy("stream", "concurrent_limit_exceeded"),
    _plain("stream", 500, UNKNOWN),
    _plain("stream", 503, DOWN),
    replace(_eleven("stream", 200, "invalid_request", "quota_exceeded", NO_CREDITS), name="200, an error as JSON"),
    Row("elevenlabs", "stream", "200, empty", 200, "", NO_AUDIO, content_type="audio/mpeg"),
    # Cloning
    _eleven(
        "instant clone",
        400,
        "payment_required",
        "paid_plan_required",
        PLAN,
        status="can_not_use_instant_voice_cloning",
        message="Your subscription does not include instant voice cloning. Please upgrade your plan.",
    ),
    _legacy(
        "instant clone",
        400,
        "voice_limit_reached",
        FULL,
        "You have reached your maximum amount of custom voices (10 / 10).",
        times=ALWAYS,
    ),
    _legacy("instant clone", 400, "duplicate_files", SAMPLE, "You cannot upload the same file twice."),
    _eleven(
        "instant clone",
        400,
        "validation_error",
        "invalid_audio",
        SAMPLE,
        status="invalid_content",
        message="File is corrupted. Please ensure it is playable audio.",
    ),
    *_all("instant clone", 400, "validation_error", SAMPLE, "invalid_audio_format", "invalid_file_type"),
    *_all("instant clone", 400, "validation_error", SAMPLE, "audio_too_long", "audio_too_short"),
    *_all("instant clone", 400, "invalid_request", SAMPLE, "request_too_large"),
    _fastapi("instant clone", "without `name` and `files`", REFUSED, _missing("name"), _missing("files")),
    *(_eleven("instant clone", 401, *_UNAUTHORIZED, KEY, status=why, message=said) for why, said in _ELEVEN_KEY),
    _legacy("instant clone", 401, "quota_exceeded", NO_CREDITS),
    *_all("instant clone", 402, "payment_required", NO_CREDITS, "insufficient_credits"),
    *_all("instant clone", 403, "authorization_error", PLAN, "feature_not_available", "subscription_required"),
    *_all("instant clone", 409, "conflict", REFUSED, "voice_already_exists"),
    *_all("instant clone", 429, "rate_limit_error", BUSY, "concurrent_limit_exceeded", "system_busy"),
    replace(_eleven("instant clone", 500, "internal_error", "internal_error", SUCCESS), name="500, once"),
    _eleven("instant clone", 500, "internal_error", "internal_error", UNKNOWN, times=2),
    _plain("instant clone", 408, UNKNOWN, times=2),
    _plain("instant clone", 502, UNKNOWN, times=2),
    _plain("instant clone", 503, DOWN),
    Row("elevenlabs", "instant clone", "200, no `voice_id`", 200, {"foo": 1}, UNKNOWN, times=2),
    Row("elevenlabs", "instant clone", "200, empty", 200, "", UNKNOWN, content_type="text/plain", times=2),
    Row(
        "elevenlabs",
        "instant clone",
        "200, `requires_verification`",
        200,
        {"voice_id": "SzG54l8uNzFFwtJDDtxw", "requires_verification": True},
        PROTECTED,
    ),
    # The account
    *(
        _eleven("account", 401, *_UNAUTHORIZED, UNUSABLE, status=why, message=said, path="/v2/voices")
        for why, said in _ELEVEN_KEY
    ),
    replace(
        _eleven("account", 401, *_UNAUTHORIZED, SUCCESS, status="missing_permissions", path="/v1/user/subscription"),
        name="401 `missing_permissions` for its plan",
    ),
    _plain("account", 500, UNUSABLE, path="/v2/voices", times=3),
]


# MiniMax


def _mini(
    call_kind: CallKind,
    code: int,
    expect: Expect,
    message: str = MESSAGE,
    *,
    name: str = "",
    has_trace: bool = True,
    **more: Any,
) -> Row:
    """Return a row with a business error: HTTP 200 and a status code in the body."""
    body: dict[str, Any] = {"base_resp": {"status_code": code, "status_msg": message}}
    if call_kind in ("speech", "stream", "clone's speech"):
        body = {"data": None, "trace_id": TRACE, **body}
    if call_kind == "upload":
        body = {"file": None, **body}
    headers = {"Trace-Id": TRACE} if has_trace else {}
    trace = TRACE if has_trace or "trace_id" in body else None
    return Row("minimax", call_kind, name or f"{code}", 200, body, expect, headers=headers, trace=trace, **more)


def _mini_http(call_kind: CallKind, status: int, expect: Expect, **more: Any) -> Row:
    """Return a row with an HTTP error of the proxy in front of the service."""
    name = f"HTTP {status}"
    return Row("minimax", call_kind, name, status, "<html></html>", expect, content_type="text/html", **more)


def _codes(call_kind: CallKind, expect: Expect, *codes: int, **more: Any) -> list[Row]:
    return [_mini(call_kind, code, expect, **more) for code in codes]


_LOGIN: Final = "login fail: Please carry the API secret key in the 'Authorization' field of the request header"

MINIMAX: Final[list[Row]] = [
    # Speech
    *_codes("speech", DOWN, 1000),
    *_codes("speech", UNKNOWN, 1001),
    *_codes("speech", BUSY, 1002, times=ALWAYS),
    _mini("speech", 1004, KEY, _LOGIN),
    *_codes("speech", NO_CREDITS, 1008),
    *_codes("speech", DOWN, 1013, 1024),
    *_codes("speech", SENSITIVE, 1026, 1027),
    *_codes("speech", DOWN, 1033),
    *_codes("speech", BUSY, 1039, 1041, times=ALWAYS),
    *_codes("speech", INVISIBLE, 1042),
    *_codes("speech", REFUSED, 1043, 1044),
    _mini("speech", 2013, REFUSED, "invalid params, binding: expr_path=model, cause=missing required parameter"),
    *_codes("speech", REFUSED, 20132, 2037, 2048),
    *_codes("speech", PLAN, 2038),
    *_codes("speech", REFUSED, 2039),
    *_codes("speech", LOST, 2042, 2054),
    *_codes("clone's speech", SUCCESS, 2042, 2054),
    *_codes("speech", BUSY, 2045, times=ALWAYS),
    *_codes("speech", KEY, 2049),
    *_codes("speech", NO_CREDITS, 2056, 1028, 1030),
    *_codes("speech", PLAN, 2061),
    _mini("speech", 9999, REFUSED, name="9999, a code that nobody knows"),
    _mini("speech", 1024, DOWN, name="1024, no `Trace-Id` header", has_trace=False),
    *(_mini_http("speech", status, KEY) for status in (401, 403)),
    *(_mini_http("speech", status, REFUSED) for status in (400, 404, 413)),
    _mini_http("speech", 429, BUSY, times=ALWAYS),
    *(_mini_http("speech", status, UNKNOWN) for status in (408, 500, 502, 504)),
    _mini_http("speech", 503, DOWN),
    Row("minimax", "speech", "200, no `base_resp`", 200, {"message": MESSAGE}, UNKNOWN),
    Row("minimax", "speech", "200, empty", 200, "", UNKNOWN, content_type="application/json; charset=utf-8"),
    _mini("speech", 0, NO_AUDIO, name="0, and no audio"),
    replace(_mini_http("speech", 200, NO_AUDIO), name="200, HTML"),
    # A stream is rejected before its first audio, in the same way
    *_codes("stream", KEY, 1004),
    *_codes("stream", BUSY, 1002, times=ALWAYS),
    *_codes("stream", LOST, 2054),
    *_codes("stream", DOWN, 1024),
    _mini_http("stream", 502, UNKNOWN),
    # Cloning
    *_codes("instant clone", DOWN, 1000, 1013, 1024, 1033),
    *_codes("instant clone", UNKNOWN, 1001),
    *_codes("instant clone", BUSY, 1002, 1039, 1041, 2045),
    *_codes("instant clone", KEY, 1004, 2049),
    *_codes("instant clone", NO_CREDITS, 1008, 2056, 1028, 1030),
    *_codes("instant clone", SENSITIVE_SAMPLE, 1026),
    *_codes("instant clone", SAMPLE, 1043, 1044, 20132, 2048),
    _mini("instant clone", 2037, SAMPLE, "voice duration too short"),
    _mini("instant clone", 2013, REFUSED, "invalid params, invalid file ext for voice clone"),
    _mini("instant clone", 2038, PLAN, "no cloning permission, check account verification"),
    _mini("instant clone", 2039, SUCCESS, "voice clone voice id duplicate", name="2039, once"),
    _mini("instant clone", 2039, NO_ID, "voice clone voice id duplicate", times=ALWAYS),
    *_codes("instant clone", PLAN, 2061),
    *(_mini_http("instant clone", status, KEY) for status in (401, 403)),
    _mini_http("instant clone", 400, REFUSED),
    _mini_http("instant clone", 429, BUSY),
    *(_mini_http("instant clone", status, SILENT, times=3) for status in (500, 502, 503)),
    Row("minimax", "instant clone", "200, no `base_resp`", 200, {"message": MESSAGE}, UNKNOWN),
    replace(_mini_http("instant clone", 200, UNKNOWN), name="200, HTML"),
    # Upload of the sample
    *_codes("upload", DOWN, 1013),
    *_codes("upload", BUSY, 1002),
    *_codes("upload", KEY, 1004, 2049),
    *_codes("upload", NO_CREDITS, 1008),
    *_codes("upload", PLAN, 2038),
    _mini("upload", 2013, REFUSED, "invalid params, file size exceeds 20MB"),
    _mini("upload", 0, REFUSED, name="0, and no file"),
    Row(
        "minimax",
        "upload",
        "0, and no `file_id`",
        200,
        {"file": {"bytes": 1}, "base_resp": {"status_code": 0, "status_msg": "success"}},
        NO_FILE,
    ),
    _mini_http("upload", 400, REFUSED),
    _mini_http("upload", 503, SILENT, times=3),
    # Deleting
    *_codes("delete", SUCCESS, 2013, 2042, 2054),
    # The account
    *_codes("account", UNUSABLE, 1004, 2049),
    *_codes("account", UNUSABLE, 1024),
    _mini_http("account", 502, UNUSABLE, times=3),
]

_PATHS: Final[dict[tuple[Provider, CallKind], tuple[str, str]]] = {
    ("elevenlabs", "speech"): ("POST", "/v1/text-to-speech"),
    ("elevenlabs", "stream"): ("POST", "/v1/text-to-speech"),
    ("elevenlabs", "clone's speech"): ("POST", "/v1/text-to-speech"),
    ("elevenlabs", "instant clone"): ("POST", "/v1/voices/add"),
    ("elevenlabs", "delete"): ("DELETE", "/v1/voices/"),
    ("elevenlabs", "account"): ("GET", "/v2/voices"),
    ("minimax", "speech"): ("POST", "/v1/t2a_v2"),
    ("minimax", "stream"): ("POST", "/v1/t2a_v2"),
    ("minimax", "clone's speech"): ("POST", "/v1/t2a_v2"),
    ("minimax", "instant clone"): ("POST", "/v1/voice_clone"),
    ("minimax", "upload"): ("POST", "/v1/files/upload"),
    ("minimax", "delete"): ("POST", "/v1/delete_voice"),
    ("minimax", "account"): ("POST", "/v1/get_voice"),
}


def _placed(row: Row) -> Row:
    method, path = _PATHS[row.provider, row.call_kind]
    # Account requests run in the background, so their errors reach later calls, without the trace id.
    trace = None if row.call_kind == "account" else row.trace
    return replace(row, method=method, path=row.path or path, trace=trace)


ROWS: Final[list[Row]] = [_placed(row) for row in (*ELEVENLABS, *MINIMAX)]
assert len({row.id for row in ROWS}) == len(ROWS)
