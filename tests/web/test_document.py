"""The OpenAPI document describes every field, and its examples work as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from tests.support.client import GatewayClient, open_client, settings_for
from voxport.fetch.client import FetchPolicy
from voxport.gateway import open_gateway

ADMIN_KEY = "an operator's key of more than 32 letters"


def nowhere(*_: Any) -> Any:
    raise OSError("no test asks the network")


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    """A customer of a gateway that has the operator's endpoints and reaches no host."""
    policy = FetchPolicy(max_bytes=1 << 20, timeout_seconds=5, resolver=nowhere, dialer=nowhere)
    opened = open_gateway(settings_for(tmp_path_factory.mktemp("operated"), admin_key=ADMIN_KEY), fetch_policy=policy)
    yield open_client(opened)
    opened.close()


@pytest.fixture(scope="module")
def document(operated: GatewayClient) -> Any:
    return operated.http.get("/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def properties(schema: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yields every property of a schema at any depth, as (path, property)."""
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{where}.{name}", inner
        for name, inner in schema.items():
            yield from properties(inner, f"{where}.{name}")
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from properties(inner, f"{where}.{index}")


def test_every_field_of_every_request_and_answer_is_described(document: Any) -> None:
    found = list(properties(document["components"]["schemas"], "")) + list(properties(document["paths"], ""))
    assert len(found) > 200
    assert [where for where, schema in found if len(schema.get("description", "")) < 5] == []


def test_every_parameter_and_header_is_described(document: Any) -> None:
    mute = []
    for method, path, operation in operations(document):
        for one in operation.get("parameters", []):
            if len(one.get("description", "")) < 5:
                mute.append(f"{method} {path}: {one['name']}")
        for status, answer in operation["responses"].items():
            mute += [f"{method} {path} {status}" for one in answer["headers"].values() if not one.get("description")]
    assert mute == []


def test_every_call_and_group_has_a_text(document: Any) -> None:
    described = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        assert operation["summary"], f"{method} {path}"
        assert set(operation["tags"]) <= described | {"admin"}, f"{method} {path}"


def bodies(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yields each operation that takes JSON with each of its examples."""
    for method, path, operation in operations(document):
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            continue
        named = [one["$ref"] for one in [schema, *schema.get("anyOf", [])] if "$ref" in one]
        examples = [
            example
            for name in named
            for example in document["components"]["schemas"][name.rpartition("/")[2]].get("examples", [])
        ]
        assert examples, f"{method} {path} has no example"
        for example in examples:
            yield method, path, example


def test_every_example_of_a_request_has_the_right_shape(document: Any, operated: GatewayClient) -> None:
    tried = 0
    for method, path, example in bodies(document):
        key = ADMIN_KEY if path.startswith("/v2/admin/") else operated.key
        slot = re.sub(r"\{\w+\}", "none", path)
        answer = operated.http.request(method, slot, json=example, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code not in (401, 405, 422, 500), f"{method} {path}: {answer.text}"
        tried += 1
    assert tried >= 15


def test_no_example_holds_a_filler(document: Any) -> None:
    for _, path, example in bodies(document):
        assert "string" not in example.values(), path


def test_the_example_of_core_tts_is_a_stock_voice_that_can_be_estimated(document: Any, operated: GatewayClient) -> None:
    [example] = document["components"]["schemas"]["SpeechBody"]["examples"]
    assert set(example) == {"text", "voice_id", "provider"}
    answer = operated.post("/v1/estimate", example)
    assert answer.status_code == 200, answer.text


def test_prefer_and_idempotency_key_are_texts_that_can_be_typed(document: Any) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/v1/proxy/core-tts"]["post"]["parameters"]}
    assert parameters["Prefer"]["in"] == parameters["Idempotency-Key"]["in"] == "header"
    assert parameters["Prefer"]["schema"]["type"] == "string"


@pytest.mark.folder_only("URLs that the gateway signs")
@pytest.mark.parametrize(("method", "field"), [("put", "upload_url"), ("get", "public_url")])
def test_a_signed_url_can_be_put_together_from_the_parameters(
    document: Any, operated: GatewayClient, method: str, field: str
) -> None:
    slot = operated.upload_slot() if method == "put" else operated.upload()
    parts = urlsplit(slot[field])
    sent = dict(parse_qsl(parts.query))
    operation = document["paths"]["/v1/blobs/{key}"][method]
    query = [one for one in operation["parameters"] if one["in"] == "query"]
    assert {one["name"] for one in query if one["required"]} <= set(sent) <= {one["name"] for one in query}
    # Rebuild the URL as a documentation page does: the given parameters, in the order of the document.
    rebuilt = urlencode({one["name"]: sent[one["name"]] for one in query if one["name"] in sent})
    body: dict[str, Any] = {"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}} if method == "put" else {}
    path = f"/v1/blobs/{quote(slot['object_key'], safe='')}"
    answer = operated.http.request(method.upper(), f"{path}?{rebuilt}", **body)
    assert answer.status_code == 200, answer.text


def test_an_upload_is_sent_as_a_type_that_can_be_announced(document: Any) -> None:
    content = document["paths"]["/v1/blobs/{key}"]["put"]["requestBody"]["content"]
    example = document["components"]["schemas"]["UploadRequest"]["examples"][0]
    assert next(iter(content)) == example["content_type"], "what a page chooses by itself fits the example before"


def test_the_description_walks_the_main_way_over_calls_that_are_there(document: Any) -> None:
    text = document["info"]["description"]
    named = re.findall(r"(GET|POST|PUT) (/v\d/[\w{}/-]+)", text)
    assert {path for _, path in named} >= {
        "/v1/proxy/upload-media",
        "/v1/blobs/{key}",
        "/v1/proxy/core-voice-clone",
        "/v2/jobs/{job_id}",
        "/v1/proxy/core-tts",
    }
    for method, path in named:
        assert method.lower() in document["paths"][path], f"{method} {path}"
    assert "Authorize" in text
    for scheme in document["components"]["securitySchemes"].values():
        assert "key" in scheme["description"]
