"""Makes JSON that a schema of an OpenAPI document describes, with every property, and checks JSON against one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
MOMENT = "2026-04-27T10:30:00Z"


class Document:
    def __init__(self, document: dict[str, Any]) -> None:
        self.paths: dict[str, Any] = document["paths"]
        self._schemas: dict[str, Schema] = document["components"]["schemas"]

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield method, path and operation."""
        for path, operations in self.paths.items():
            for method, operation in operations.items():
                yield method.upper(), path, operation

    def resolve(self, schema: Schema) -> Schema:
        return self._schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def variants(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, without null."""
        found = [self.resolve(one) for one in schema.get("anyOf", [schema])]
        return [one for one in found if one.get("type") != "null"]

    def example(self, schema: Schema, name: str = "", *, url: str) -> Any:
        """A value of the schema with all properties. URLs are `url`, a job is completed."""
        (*_, chosen) = self.variants(schema) or [{"type": "null"}]
        if "const" in chosen or "enum" in chosen:
            values = chosen.get("enum") or [chosen["const"]]
            return "completed" if "completed" in values else values[0]
        kind = chosen.get("type", "object")
        if kind == "object":
            return self._object(chosen, name, url)
        if kind == "array":
            return [self.example(chosen["items"], name, url=url)]
        if kind == "string":
            return url if name.endswith("url") else MOMENT if is_moment(name) else "text"
        return {"integer": 7, "number": 2.5, "boolean": True, "null": None}[kind]

    def allows(self, schema: Schema, value: Any) -> bool:
        """Whether a value has one of the JSON types of a schema, and its fields those that are named there."""
        if "anyOf" in schema:
            return any(self.allows(one, value) for one in schema["anyOf"])
        return self._is_of(self.resolve(schema), value)

    def _is_of(self, schema: Schema, value: Any) -> bool:
        if "enum" in schema:
            return value in schema["enum"]
        if isinstance(value, dict) and schema.get("type") == "object":
            properties, other = schema.get("properties", {}), schema.get("additionalProperties", False)
            return (bool(other) or value.keys() <= properties.keys()) and all(
                self.allows(properties.get(name, other), one) for name, one in value.items()
            )
        kinds: dict[str, tuple[str, ...]] = {
            "bool": ("boolean",),
            "int": ("integer", "number"),
            "float": ("number",),
            "str": ("string",),
            "list": ("array",),
            "NoneType": ("null",),
        }
        return schema.get("type") in kinds.get(type(value).__name__, ())

    def choices(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield name and values of each parameter and each field of a request that has a list of values."""
        for _, _, operation in self.operations():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            fields = [
                *((one["name"], one["schema"]) for one in operation.get("parameters", [])),
                *(
                    pair
                    for schema in self.variants(content.get("schema", {}))
                    for pair in schema.get("properties", {}).items()
                ),
            ]
            for name, schema in fields:
                for variant in self.variants(schema):
                    if "enum" in variant and len(variant["enum"]) > 1:
                        yield name, frozenset(variant["enum"])

    def _object(self, schema: Schema, name: str, url: str) -> Any:
        if name == "result_data":  # its shape depends on the service
            clone = {"voice_id": "abc", "provider": "local", "message": "Cloned", "status": "success"}
            script = {"lines": 1, "spoken": 1, "reused": 0, "outputs": {"joined": {"url": url, "key": "a/b"}}}
            return {**clone, **script, "url": url, "key": "a/b", "folder_id": None, "duration_seconds": 2.1}
        properties = schema.get("properties", {})
        if not properties:
            return {"any": 1}
        return {one: self.example(inner, one, url=url) for one, inner in properties.items()}


def is_moment(name: str) -> bool:
    return name.endswith(("_at", "_until")) or name == "at"
