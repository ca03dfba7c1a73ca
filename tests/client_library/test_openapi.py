"""The client against the gateway's OpenAPI document: every operation, every parameter, every field."""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import inspect
import json
import re
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import unquote

import httpx2
import pytest

from tests.support.client import settings_for
from tests.support.json_examples import Document
from voxport.app import create_app
from voxport_client import AsyncVoxport, Model, Voxport
from voxport_client.models.base import decode

BASE = "https://voices.example.com"
BLOB = f"{BASE}/v1/blobs/uploads/a.wav?operation=get&expires=1&signature=x"
NOT_SENT = {
    ("PUT", "/v1/blobs/{key}"): {"operation", "content_type", "max_bytes", "size_bytes", "expires", "signature"}
}
"""Parameters that are in a signed URL already."""

LEFT_OUT = {"/v1/estimate": {"cache", "folder_id", "sample_rate", "stream", "subtitles", "timestamps", "webhook_url"}}
"""Fields that change nothing of the answer."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    settings = settings_for(
        tmp_path_factory.mktemp("document"), admin_key="an operator's key of more than 32 letters", public_url=BASE
    )
    return Document(create_app(settings).openapi())


@dataclasses.dataclass
class Seen:
    """What the client sent to each operation: names of query parameters, of headers, and of fields of the body."""

    query: set[str] = dataclasses.field(default_factory=set)
    headers: set[str] = dataclasses.field(default_factory=set)
    bodies: list[Any] = dataclasses.field(default_factory=list)


class FakeGateway:
    """Answers each operation with an example of its documented response that has every field."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen: dict[tuple[str, str], Seen] = defaultdict(Seen)
        self._routes = [
            (method, path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace("{key}", ".+"))))
            for method, path, _ in document.operations()
        ]

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        where = unquote(request.url.raw_path.split(b"?")[0].decode())
        path = next(
            (path for method, path, pattern in self._routes if method == request.method and pattern.fullmatch(where)),
            "",
        )
        assert path, f"{request.method} {where} is not in the document"
        seen = self.seen[request.method, path]
        seen.query |= request.url.params.keys()
        seen.headers |= {name.lower() for name in request.headers}
        if request.headers.get("Content-Type") == "application/json":
            seen.bodies.append(json.loads(request.content))
        return self._answer(request, self.document.paths[path][request.method.lower()])

    def _answer(self, request: httpx2.Request, operation: dict[str, Any]) -> httpx2.Response:
        headers = {
            "X-Gateway-Request-ID": "req_1",
            **dict.fromkeys(("X-Text-Length", "X-Gateway-Units", "X-Gateway-Token-Cost"), "1"),
            **dict.fromkeys(("X-Gateway-Credit-Balance", "X-Gateway-Hold"), "2.500000"),
        }
        is_job = "prefer" in request.headers or (
            request.url.path.endswith("core-tts-batch") and b'"dry_run"' not in request.content
        )
        status = "202" if is_job and "202" in operation["responses"] else min(operation["responses"])
        content = operation["responses"][status].get("content", {})
        if "text/event-stream" in content:
            job = self.document.example({"$ref": "x/JobBody"}, url=BLOB)
            return httpx2.Response(200, headers=headers, text=f"event: job\ndata: {json.dumps(job)}\n\n")
        is_audio = b'"stream": true' in request.content or "application/json" not in content
        if is_audio or "text/csv" in request.headers.get("Accept", ""):
            return httpx2.Response(int(status), headers=headers, content=b"audio or text")
        schema = self.document.variants(content["application/json"]["schema"])[0]
        example = self.document.example(schema, url=BLOB)
        if "next_cursor" in example:
            example["next_cursor"] = None
        return httpx2.Response(int(status), headers=headers, json=example)


def test_every_operation_parameter_and_field_is_reached(document: Document, tmp_path: Path) -> None:
    gateway = FakeGateway(document)
    http = httpx2.Client(transport=httpx2.MockTransport(gateway.answer))
    client = Voxport(api_key="vxp_x", base_url=BASE, http_client=http)
    for method in public_methods(client):
        use(call_with_everything(method, tmp_path), tmp_path)
    check(gateway)


def test_every_operation_is_reached_by_the_asyncio_client(document: Document, tmp_path: Path) -> None:
    gateway = FakeGateway(document)

    async def run() -> None:
        async with (
            httpx2.AsyncClient(transport=httpx2.MockTransport(gateway.answer)) as http,
            AsyncVoxport(api_key="vxp_x", base_url=BASE, http_client=http) as client,
        ):
            for method in public_methods(client):
                result = call_with_everything(method, tmp_path)
                await use_async(await result if inspect.isawaitable(result) else result, tmp_path)

    asyncio.run(run())
    check(gateway)


def check(gateway: FakeGateway) -> None:
    for method, path, operation in gateway.document.operations():
        assert (method, path) in gateway.seen, f"no method of the client calls {method} {path}"
        seen = gateway.seen[method, path]
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "query" and name not in NOT_SENT.get(("PUT", path), ()):
                assert name in seen.query, f"{method} {path} is never sent {name}"
            if parameter["in"] == "header" and name.lower() != "last-event-id":
                assert name.lower() in seen.headers, f"{method} {path} is never sent {name}"
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            (schema,) = gateway.document.variants(content["application/json"]["schema"])
            allowed = schema["properties"].keys()
            sent = {name for body in seen.bodies for name in body}
            for name, value in ((name, value) for body in seen.bodies for name, value in body.items()):
                assert gateway.document.allows(schema["properties"][name], value), (
                    f"{method} {path}: {name} is {value!r}"
                )
            left_out = LEFT_OUT.get(path, set())
            assert sent | left_out == allowed, f"{method} {path}: {(sent | left_out) ^ allowed}"


def test_every_choice_of_an_argument_is_typed(document: Document) -> None:
    """The values that a parameter or a field of a request may have are those of the client's argument."""
    client = Voxport(api_key="vxp_x", base_url=BASE)
    typed = {
        (name, frozenset(get_args(inner)))
        for method in public_methods(client)
        for name, hint in get_type_hints(method).items()
        for inner in (hint, *get_args(hint))
        if get_origin(inner) is Literal
    }
    documented = set(document.choices())
    assert len(documented) > 8
    assert documented <= typed
    streamed = frozenset(("mp3", "wav", "ogg", "aac", "ulaw", "alaw"))
    assert typed - documented == {("output_format", streamed)}, "those that can be streamed"


def test_every_field_of_every_response_is_typed(document: Document) -> None:
    found = 0
    for model, schema in models_of_operations(document):
        found += check_model(document, model, schema)
    assert found > 150


def models_of_operations(document: Document) -> Iterator[tuple[type[Model], dict[str, Any]]]:
    """Each model that the client decodes, with the schema of what it decodes, as the fake gateway gives them."""
    decoded: dict[type[Model], set[str]] = defaultdict(set)
    schemas = {name: schema for name, schema in document._schemas.items() if "properties" in schema}
    for model in subclasses(Model):
        fields = {one.name for one in dataclasses.fields(model)} - {"extra"}
        names = [
            name
            for name, schema in schemas.items()
            if fields and fields == set(schema["properties"]) - ({"status"} if _is_envelope(schema) else set())
        ]
        if model.__name__ in NOT_IN_THE_DOCUMENT:
            continue
        assert names, f"{model.__name__} is no schema of the document: {fields}"
        decoded[model] |= set(names)
        yield model, schemas[names[0]]
    covered = {name for names in decoded.values() for name in names}
    missing = {name for name, schema in schemas.items() if name not in covered and not _is_envelope(schema)}
    assert missing - REQUESTS - ERRORS == set(), "schemas of the document without a model"


NOT_IN_THE_DOCUMENT = {"SampleQuality", "ClonedVoice", "ScriptResult"}
"""What `result_data` holds, by the service."""
WIDER = {("SpeechFile", "url"), ("SubtitleFile", "url")}
"""A job's result has the same fields, and its URL is null once the file was deleted."""
REQUESTS = {
    *("Adjustment", "AlertRequest", "BindingBody", "CheckBody", "CloneBody", "ConsentBody", "Credit"),
    *("DetectBody", "InstantBody", "NewDictionary", "NewKey", "NewProfile", "PreviewRequest"),
    *("Refund", "Rotation", "SpeechBody", "UploadRequest", "VoicePatch", "VoiceSettings"),
    *("CastMemberBody", "ScriptBody", "ScriptLineBody", "MixBody"),
}
ERRORS = {"ErrorObject", "ErrorBody", "ValidationErrorBody"}


def _is_envelope(schema: dict[str, Any]) -> bool:
    return schema["properties"].get("status", {}).get("const") in ("success", "accepted")


def check_model(document: Document, model: type[Model], schema: dict[str, Any]) -> int:
    """Asserts that the types of a model's fields are those of the schema, and that the model knows each field."""
    hints = get_type_hints(model)
    for name, inner in schema["properties"].items():
        if name in hints and (model.__name__, name) not in WIDER:
            expected = types_of(document, name, inner)
            assert kinds_of(hints[name]) == expected, f"{model.__name__}.{name}"
    example = document.example(schema, url=BLOB)
    example = {name: value for name, value in example.items() if name in hints}
    value = decode(model, json.loads(json.dumps(example), parse_float=Decimal))
    assert not value.extra
    return len(example)


def types_of(document: Document, name: str, schema: dict[str, Any]) -> set[Any]:
    """The Python types of a property of the document."""
    found: set[Any] = set()
    if any(one.get("type") == "null" for one in schema.get("anyOf", [schema])):
        found.add(type(None))
    for one in document.variants(schema):
        if len(one.get("enum", [])) > 1 and name != "stage":
            found.add(frozenset(one["enum"]))
        elif one.get("type") == "string":
            found.add("moment" if name.endswith(("_at", "_until")) or name == "at" else str)
        elif one.get("type") == "array":
            found.add(("list", frozenset(types_of(document, "", one["items"]))))
        elif one.get("type") == "object":
            found.add("model" if "properties" in one else dict)
        else:
            found.add({"number": "number", "integer": int, "boolean": bool}[one["type"]])
    return found


def kinds_of(hint: Any) -> set[Any]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return {kind for one in get_args(hint) for kind in kinds_of(one)}
    if origin is Literal:
        return {frozenset(get_args(hint))}
    if origin is list:
        return {("list", frozenset(kinds_of(get_args(hint)[0])))}
    if origin is dict:
        return {dict}
    if isinstance(hint, type) and issubclass(hint, Model):
        return {"model"}
    return {{Decimal: "number", float: "number", datetime: "moment"}.get(hint, hint)}


def subclasses(kind: type[Model]) -> Iterator[type[Model]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("voxport_client.") and one.__name__ != "InstantSpeech":
            yield one
        yield from subclasses(one)


def public_methods(client: Any) -> Iterator[Callable[..., Any]]:
    """All methods of the client and its areas that call the gateway."""
    areas = [getattr(client, name) for name in get_type_hints(type(client))]
    for one in [client, *areas]:
        for name, method in inspect.getmembers(one, inspect.ismethod):
            is_of_no_operation = one is client and name in ("close", "with_options", "request")
            if not name.startswith("_") and not is_of_no_operation:
                yield method


def call_with_everything(method: Callable[..., Any], folder: Path) -> Any:
    """Calls a method with a value for each of its parameters."""
    hints = get_type_hints(method)
    given = {
        name: argument(name, hints[name], folder, required=one.default is inspect.Parameter.empty)
        for name, one in inspect.signature(method).parameters.items()
    }
    return method(**given)


def argument(name: str, hint: Any, folder: Path, *, required: bool = True) -> Any:
    if name in ("audio", "source"):
        return b"RIFF"
    if name == "path":
        (folder / "audio").touch()
        return folder / "audio"
    if name == "url":
        return BLOB
    if name == "cursor":
        return "next"
    if name in ("reference", "text", "webhook_url"):
        return "text"
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if is_typeddict(hint):
        return {one: argument(one, inner, folder) for one, inner in get_type_hints(hint).items()}
    if get_origin(hint) is collections.abc.Callable:
        return lambda *_: None
    if get_origin(hint) is collections.abc.Sequence:
        (inner,) = get_args(hint)
        return [argument("", inner, folder) if inner is not str else "a"]
    if get_origin(hint) is NotRequired:
        return argument(name, get_args(hint)[0], folder)
    if get_origin(hint) is collections.abc.Mapping:
        kind = get_args(hint)[1]
        return {"Ana": 0.5 if kind is float else argument(name, kind, folder)}
    if hint is datetime:
        return datetime(2026, 11, 1, tzinfo=UTC)
    return {str: "abc", int: 7, float: 2.5, bool: True, Decimal: Decimal("2.5")}[hint]


def use(result: Any, folder: Path) -> None:
    """Does with a result what sends further requests."""
    for name in ("wait", "get", "cancel", "first_page"):
        if hasattr(result, name) and hasattr(result, "__module__"):
            getattr(result, name)()
    if hasattr(result, "save"):
        result.save(folder / "audio")
    if hasattr(result, "read") and not hasattr(result, "hold"):
        result.read()
    if isinstance(result, collections.abc.Iterable) and not isinstance(result, str | bytes | list):
        list(result)


async def use_async(result: Any, folder: Path) -> None:
    for name in ("wait", "get", "cancel", "first_page"):
        if hasattr(result, name) and hasattr(result, "__module__"):
            await getattr(result, name)()
    if hasattr(result, "save"):
        saved = result.save(folder / "audio")
        if inspect.isawaitable(saved):
            await saved
    if hasattr(result, "read") and not hasattr(result, "hold"):
        await result.read()
    if hasattr(result, "__aiter__") and not hasattr(result, "hold"):
        [one async for one in result]
