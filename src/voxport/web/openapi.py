"""Adds to the OpenAPI document what all answers share: errors, headers, and links to the calls that can follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

Json = dict[str, Any]

_TEXT = {"schema": {"type": "string"}}
_REQUEST_ID = {"X-Gateway-Request-ID": {**_TEXT, "description": "Tells this answer from all others.", "required": True}}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until another try makes sense."}}
_RATE_LIMIT = {
    "RateLimit-Policy": {**_TEXT, "description": '`"default";q=60;w=3`: so many calls in so many seconds.'},
    "RateLimit": {**_TEXT, "description": '`"default";r=50;t=1`: so many are left now, and all in so many seconds.'},
}
_CHALLENGE = {"WWW-Authenticate": {**_TEXT, "description": "How a key is sent.", "required": True}}
_COMMON_ERRORS = {
    "414": "The address is too long.",
    "431": "The headers are too long, or too many.",
    "500": "A mistake of the gateway's own. Nothing was charged.",
    "503": "The gateway's database or storage, or the provider, can't be used right now. Nothing was charged.",
}
_AUTHENTICATED_ERRORS = {
    "401": "There is no API key, or it is not a good one.",
    "429": "Too many calls or too much work: of the API key, the address or the profile.",
}
_BODY_ERRORS = {
    "400": "The body is not JSON that can be read, or the call asks for what can't be done.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
}
_ID_ERRORS = {"404": "There is no such thing of yours."}
_ID_DESCRIPTIONS = {
    "dictionary_id": "The dictionary's id: `id` of an entry of `GET /v1/pronunciations`.",
    "delivery_id": "The message's id: `id` in `GET /v2/webhooks/deliveries`, and the header `webhook-id`.",
    "job_id": "The job's id: `job.id` of the 202, or `id` of an entry of `GET /v2/jobs`.",
    "key": "The file's key: `object_key` of an upload, or `key` of speech.",
    "key_id": "The key's id, not the key itself: `id` of an entry of the list of keys.",
    "profile_id": "The profile's id: `id` of an entry of `GET /v2/admin/profiles`.",
    "request_id": "The `X-Gateway-Request-ID` of the answer.",
    "voice_id": "The voice's id: `voice_id` of an entry of `GET /v1/proxy/core-tts-voices`.",
}

# Links from an answer to calls that take a value of it: (status, expression, parameter, operations).
_JOB_CALLS = ("get_job", "job_events", "job_lines", "cancel_job")
_VOICE_CALLS = ("get_voice", "change_voice", "delete_voice", "bind_voice")
_DICTIONARY_CALLS = ("get_dictionary", "replace_dictionary", "delete_dictionary")
_LINKS: dict[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]] = {
    "clone_voice": (("202", "$response.body#/job/id", "job_id", _JOB_CALLS),),
    "bind_voice": (("202", "$response.body#/job/id", "job_id", _JOB_CALLS),),
    "speak": (
        ("202", "$response.body#/job/id", "job_id", _JOB_CALLS),
        ("200", "$response.header.X-Gateway-Request-ID", "request_id", ("request_cost",)),
    ),
    "instant_clone": (("200", "$response.header.X-Gateway-Request-ID", "request_id", ("request_cost",)),),
    "list_jobs": (("200", "$response.body#/data/0/id", "job_id", _JOB_CALLS),),
    "upload_media": (("200", "$response.body#/data/object_key", "key", ("put_blob", "get_blob")),),
    "list_files": (("200", "$response.body#/data/0/key", "key", ("get_file", "delete_file")),),
    "list_deliveries": (("200", "$response.body#/data/0/id", "delivery_id", ("get_delivery", "resend_delivery")),),
    "create_dictionary": (("201", "$response.body#/data/id", "dictionary_id", _DICTIONARY_CALLS),),
    "list_dictionaries": (("200", "$response.body#/data/0/id", "dictionary_id", _DICTIONARY_CALLS),),
    "list_voices": (("200", "$response.body#/data/voices/0/voice_id", "voice_id", _VOICE_CALLS),),
}


def operation_id(route: APIRoute) -> str:
    """Return the name of the endpoint, with a prefix for operators' ones, whose names may equal those of customers'."""
    return f"admin_{route.name}" if "admin" in route.tags else route.name


def extend_openapi(
    app: FastAPI, *, job_stages: list[str], security_schemes: Json, bodies: Sequence[type[BaseModel]] = ()
) -> None:
    """Make the application's OpenAPI document complete; `job_stages` are the stages that a job can be in, `bodies` are
    those that endpoints read themselves and only name in the document."""
    generate = app.openapi

    def extended() -> Json:
        if app.openapi_schema is None:
            document = generate()
            _extend_document(document)
            for body in bodies:
                schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas = {**schema.pop("$defs", {}), body.__name__: schema}
                document["components"]["schemas"] = {**schemas, **document["components"]["schemas"]}
            document["components"]["securitySchemes"] = security_schemes
            document["components"]["schemas"]["JobBody"]["properties"]["stage"]["enum"] = job_stages
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = extended  # type: ignore[method-assign]  # FastAPI's documented way


def _extend_document(document: Json) -> None:
    """Add errors, headers and links to the document, in place."""
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    for operation in operations.values():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter.setdefault("description", _ID_DESCRIPTIONS[parameter["name"]])
        responses: Json = operation["responses"]
        for status, description in _errors_of(operation).items():
            responses.setdefault(status, _error(description))
        for status, response in responses.items():
            response["headers"] = {**_headers_of(status, operation), **response.get("headers", {})}
    for name, links in _LINKS.items():
        for status, where, parameter, targets in links:
            for target in targets:
                link = {"operationId": target, "parameters": {parameter: where}}
                operations[name]["responses"][status].setdefault("links", {})[target] = link


def _errors_of(operation: Json) -> dict[str, str]:
    errors = dict(_COMMON_ERRORS)
    if "security" in operation:
        errors |= _AUTHENTICATED_ERRORS
    if "requestBody" in operation:
        errors |= _BODY_ERRORS
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        errors |= _ID_ERRORS
    return errors


def _error(description: str) -> Json:
    schema = {"$ref": "#/components/schemas/ErrorBody"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _headers_of(status: str, operation: Json) -> Json:
    headers: Json = dict(_REQUEST_ID)
    if "security" in operation:
        headers |= _RATE_LIMIT
    if status == "401":
        headers |= _CHALLENGE
    if status in ("202", "429", "503"):
        headers |= _RETRY_AFTER
    return headers
