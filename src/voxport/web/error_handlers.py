"""Turns exceptions into the error body that the whole API shares."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from voxport.errors import Invalid, VoxportError
from voxport.web.requests import error_body
from voxport.web.suggestions import suggest_field, suggest_path

_MAX_SHOWN_CHARACTERS = 200
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_NOT_AN_OBJECT = ("model_attributes_type", "model_type", "dict_type")
_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
_MESSAGES = {
    404: "There is nothing at this path. GET /docs lists what there is.",
    400: "The request can't be read: its body is not JSON that can be parsed.",
}


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(VoxportError, _voxport_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _voxport_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VoxportError)
    return JSONResponse(error_body(error, _request_id(request)), error.status, headers=error.headers)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    details = [_error_detail(item) for item in error.errors()]
    message = _content_type_message(request, details) or _validation_message(details, _body_model(request))
    body = {
        "status": "error",
        "error": Invalid(message).as_body(_request_id(request)),
        "detail": details,
    }
    return JSONResponse(body, 422)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "http_error")
    message = _MESSAGES.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = ", ".join(_allowed_methods(request))
        headers["Allow"] = allowed
        message = f"This path does not take this method; it takes {allowed}. GET /docs lists what there is."
    elif (
        error.status_code == 404
        and (suggestion := suggest_path(request.app.state.routes, request.scope["path"])) is not None
    ):
        message = f"There is nothing at this path: did you mean `{suggestion}`? GET /docs lists what there is."
    body = VoxportError(message, code=code).as_body(_request_id(request))
    return JSONResponse({"status": "error", "error": body}, error.status_code, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods that the path takes. Several routes may share it, and the framework names only those of the
    first. HEAD is allowed wherever GET is (`head.py`)."""
    methods = {
        name
        for name in _METHODS
        if any(_accepts(route, {**request.scope, "method": name}) for route in request.app.routes)
    }
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


def _accepts(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is Match.FULL


def _request_id(request: Request) -> str | None:
    found: str | None = request.scope.get("state", {}).get("request_id")
    return found


def _error_detail(item: dict[str, Any]) -> dict[str, Any]:
    """Describe one mistake: where it is, what it is, and the start of what was sent."""
    return {
        "type": item["type"],
        "loc": [part if isinstance(part, int) else _as_utf8(part)[:_MAX_SHOWN_CHARACTERS] for part in item["loc"]],
        "msg": _as_utf8(item["msg"]),
        "input": _truncated(item.get("input")),
    }


def _truncated(value: Any) -> Any:
    if isinstance(value, str):
        return _as_utf8(value[:_MAX_SHOWN_CHARACTERS])
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 1e15 else str(value)[:_MAX_SHOWN_CHARACTERS]
    return {} if isinstance(value, dict) else []


def _as_utf8(text: Any) -> str:
    """Replace characters that can't be encoded as UTF-8."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _validation_message(details: list[dict[str, Any]], model: type[BaseModel] | None) -> str:
    for item in details:
        if item["type"] == "extra_forbidden":
            where = item["loc"][1:]  # after "body"
            field = ".".join(str(part) for part in where)
            suggestion = suggest_field(model, where)
            hint = f": did you mean `{suggestion}`?" if suggestion else ". It is not known here; leave it out."
            return f"Unknown field `{field[:_MAX_SHOWN_CHARACTERS]}`{hint}"
    first = details[0] if details else {"loc": [], "msg": "The request is not valid", "type": ""}
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
    if first["type"] == "json_invalid":
        return "The body is not valid JSON."
    return f"`{where}`: {first['msg']}." if where else f"The request is not valid: {first['msg']}."


def _content_type_message(request: Request, details: list[dict[str, Any]]) -> str | None:
    """Return the message for a body that was not parsed because its Content-Type is not JSON (curl's `-d` alone
    declares a form); None if that is not the mistake."""
    is_whole_body = bool(details) and details[0]["loc"] == ["body"] and details[0]["type"] in _NOT_AN_OBJECT
    sent = request.headers.get("content-type", "").strip()
    kind = sent.partition(";")[0].strip().lower()
    if not is_whole_body or kind == "application/json" or kind.endswith("+json"):
        return None
    came = f"came as `{_as_utf8(sent[:_MAX_SHOWN_CHARACTERS])}`" if sent else "came without a Content-Type"
    advice = "Send JSON with the header `Content-Type: application/json` (curl: `-H 'Content-Type: application/json'`)."
    return f"The body {came}, so it was not read. {advice}"


def _body_model(request: Request) -> type[BaseModel] | None:
    """Return the model of the endpoint's body, if it has one."""
    body_field = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(body_field, "field_info", None), "annotation", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None
