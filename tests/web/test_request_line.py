"""URLs, headers and bodies that are too long, too deeply nested or not text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from voxport.web.body_limits import MAX_DEPTH, JsonDepth

TTS = "/v1/proxy/core-tts"


def test_an_address_has_an_end(client: GatewayClient) -> None:
    assert client.get("/v2/jobs?cursor=" + "x" * 8_000).status_code == 422
    for path in ("/v2/jobs?cursor=" + "x" * 8_192, "/" + "x" * 8_193, "/v1/blobs/a?" + "x" * 8_192):
        answer = client.get(path)
        assert answer.status_code == 414
        assert error_of(answer)["code"] == "uri_too_long"


def test_a_query_has_so_many_parameters(client: GatewayClient) -> None:
    assert client.get("/v2/jobs?" + "&".join(f"unused{number}=5" for number in range(64))).status_code == 200
    answer = client.get("/v2/jobs?" + "&".join(["limit=5"] * 65))
    assert answer.status_code == 422
    assert "64 parameters" in error_of(answer)["message"]


@pytest.mark.parametrize(
    "headers",
    [{f"X-{number}": "x" for number in range(101)}, {"X-Long": "x" * 33_000}],
    ids=["many", "long"],
)
def test_headers_have_an_end(client: GatewayClient, headers: dict[str, str]) -> None:
    answer = client.get("/v2/jobs", headers=headers)
    assert answer.status_code == 431
    assert error_of(answer)["code"] == "headers_too_large"


@pytest.mark.parametrize("path", ["/v2/jobs?cursor=%ff", "/v2/jobs?%ff=1", "/v2/jobs?cursor=%00", "/v2/jobs?x=%C0%80"])
def test_a_query_is_utf8_without_nul(client: GatewayClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query"]
    error_of(answer)


@pytest.mark.parametrize(
    "path", ["/v2/jobs/%ff", "/v1/voices/%C0%80", "/%ff%fe", "/v2/jobs/%00", "/v1/voices/%ED%A0%80"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_path_that_is_not_utf8_leads_nowhere(client: GatewayClient, path: str, method: str) -> None:
    assert client.request(method, path).status_code in (404, 405)


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Type", "Prefer", "Range", "If-Range", "X-API-Key", "Cookie"]
)
@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\x28", b"x" * 5_000], ids=["no utf-8", "half", "long"])
def test_a_header_that_is_not_text_breaks_nothing(client: GatewayClient, name: str, value: bytes) -> None:
    key = {} if name in ("Authorization", "X-API-Key") else client.headers
    body = b'{"text": "Hi.", "voice_id": "nobody", "provider": "local"}'
    answer = client.http.post(TTS, content=body, headers=[*key.items(), (name, value)])  # type: ignore[arg-type]
    assert 400 <= answer.status_code < 500
    error_of(answer)
    read = client.upload()["public_url"]
    if client.http.storage_url is None:  # otherwise an answer of the storage itself
        assert client.http.get(read, headers=[(name, value)]).status_code in (200, 416)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_a_body_is_nested_so_deep_and_no_deeper(
    client: GatewayClient, opening: bytes, closing: bytes, depth: int
) -> None:
    answer = client.post_raw(TTS, opening * depth + b"1" + closing * depth)
    assert answer.status_code == 422
    assert error_of(answer)["message"] == f"The body is nested deeper than {MAX_DEPTH} levels."
    assert answer.json()["detail"][0]["loc"] == ["body"]


def test_brackets_in_a_text_are_no_nesting(client: GatewayClient) -> None:
    text = '[[[[{"' * 100 + '\\"[['
    answer = client.post(TTS, {"text": text, "voice_id": "nobody", "provider": "local"})
    assert answer.status_code == 404


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_depth_is_counted_over_the_borders_of_chunks(size: int) -> None:
    data = b'{"a\\\\\\"[[[": [[{"b": "]]]\\\\"}], []], "c": {}}'
    depth = JsonDepth()
    deepest = [depth.feed(data[start : start + size]) for start in range(0, len(data), size)][-1]
    assert deepest == 4


def _strings(schema: Any, where: str) -> list[str]:
    """The names of a schema's strings that have no length limit."""
    if isinstance(schema, list):
        return [found for one in schema for found in _strings(one, where)]
    if not isinstance(schema, dict):
        return []
    found = []
    if schema.get("type") == "string" and not schema.keys() & {"maxLength", "enum", "const", "format"}:
        found.append(where)
    if schema.get("type") == "array" and "maxItems" not in schema:
        found.append(f"{where}[]")
    for name, one in schema.items():
        if name == "properties":
            found += [each for field, value in one.items() for each in _strings(value, f"{where}.{field}")]
        elif name in ("items", "anyOf", "allOf", "oneOf"):
            found += _strings(one, where)
    return found


def _referenced(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _referenced(one)]
    if isinstance(schema, dict):
        own = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
        return own + [name for one in schema.values() for name in _referenced(one)]
    return []


def test_every_text_of_every_body_and_query_has_an_end(client: GatewayClient) -> None:
    document = client.http.get("/openapi.json").json()
    schemas, names, endless = document["components"]["schemas"], set[str](), list[str]()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            names.update(_referenced(operation.get("requestBody", {})))
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    endless += _strings(parameter["schema"], f"{path}?{parameter['name']}")
    while True:
        more = {one for name in names for one in _referenced(schemas[name])} - names
        if not more:
            break
        names |= more
    for name in sorted(names):
        endless += _strings(schemas[name], name)
    assert not endless
