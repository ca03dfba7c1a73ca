"""Writes the API reference from the OpenAPI document: a page for each tag, as Markdown."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from voxport.app import create_app
from voxport.gateway import open_gateway
from voxport.settings import Settings

Json = dict[str, Any]

TITLES: Final = {
    "speech": "Speech",
    "scripts": "Scripts",
    "pronunciations": "Pronunciations",
    "cloning": "Cloning",
    "voices": "Voices",
    "jobs": "Jobs",
    "media": "Media",
    "billing": "Billing",
    "keys": "Keys",
    "webhooks": "Webhooks",
    "watermark": "Watermark",
    "health": "Health",
    "admin": "Operator",
}
_INTROS: Final = {
    "admin": "These calls take the operator's key (`VOXPORT_ADMIN_KEY`), and are there only where it is set.",
    "health": "These calls need no key.",
}
_LIMITS: Final = {
    "minimum": "at least {:g}",
    "maximum": "at most {:g}",
    "maxLength": "at most {:,} characters",
    "maxItems": "at most {} items",
}
_ERROR_STATUSES: Final = "45"


def openapi_document() -> Json:
    """Return the document of a gateway that has all operations, those of the operator too. Nothing is listened to."""
    with tempfile.TemporaryDirectory() as folder:
        values: Json = {"_env_file": None, "data_dir": Path(folder), "admin_key": "x" * 32}
        settings = Settings(**values)
        gateway = open_gateway(settings)
        try:
            return create_app(settings, gateway=gateway).openapi()
        finally:
            gateway.close()


def api_pages(document: Json) -> dict[str, str]:
    """Return the pages by name. Raises KeyError for an operation whose tag has no title here."""
    writer = _Writer(document)
    intros = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    pages: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            if tag not in pages:
                intro = _INTROS.get(tag) or _sentence(re.sub(r"^\d+\. ", "", intros.get(tag, "")))
                pages[tag] = [f"# {TITLES[tag]}: API reference", intro]
            pages[tag] += writer.operation(method.upper(), path, operation)
    return {tag: "\n\n".join(part for part in parts if part) + "\n" for tag, parts in pages.items()}


class _Writer:
    def __init__(self, document: Json) -> None:
        self._schemas: Json = document["components"]["schemas"]

    def operation(self, method: str, path: str, operation: Json) -> list[str]:
        parts = [f"## {operation['summary']}", f"`{method} {path}`", operation.get("description", "")]
        if parameters := operation.get("parameters"):
            rows = [
                (
                    f"`{one['name']}`",
                    f"{self._type(one['schema'])}, in the {one['in']}",
                    _notes(one, one["schema"], one.get("required", False)),
                )
                for one in parameters
            ]
            parts += ["**Parameters**", _table(("name", "type", "meaning"), rows)]
        parts += self._request(operation.get("requestBody"))
        parts += ["**Example**", self._example(method, path, operation)]
        parts += self._responses(operation["responses"])
        return parts

    def _request(self, body: Json | None) -> list[str]:
        if body is None:
            return []
        kinds = body["content"]
        schema = kinds.get("application/json", {}).get("schema")
        if schema is None:
            return ["**Body**", f"The file itself: {', '.join(f'`{kind}`' for kind in kinds)}."]
        return ["**Body**", *self._fields(schema, is_request=True)]

    def _responses(self, responses: Json) -> list[str]:
        parts: list[str] = []
        for status, response in sorted(responses.items()):
            if status[0] in _ERROR_STATUSES:
                continue
            kinds = list(response.get("content", {}))
            of_kind = f" ({', '.join(f'`{kind}`' for kind in kinds)})" if kinds else ""
            parts.append(f"**{status}**{of_kind}: {_sentence(response['description'])}")
            if (schema := response.get("content", {}).get("application/json", {}).get("schema")) is not None:
                parts += self._fields(schema)
        rows = [
            (f"`{status}`", _sentence(response["description"]))
            for status, response in sorted(responses.items())
            if status[0] in _ERROR_STATUSES and not status.endswith("XX")
        ]
        return [
            *parts,
            "**Errors** (each has the [shape of all errors](errors.md))",
            _table(("status", "meaning"), rows),
        ]

    def _fields(self, schema: Json, *, is_request: bool = False) -> list[str]:
        """Return a table of a body's fields. The fields of objects in it have dotted names; `[]` stands for each of a
        list."""
        rows: list[tuple[str, ...]] = []
        descriptions = []
        for option in self._options(schema):
            self._add_rows(option, "", rows, set(), is_request=is_request)
            descriptions.append(option.get("description", ""))
        return [*filter(None, descriptions), _table(("field", "type", "meaning"), rows)] if rows else []

    def _add_rows(
        self, schema: Json, prefix: str, rows: list[tuple[str, ...]], above: set[str], *, is_request: bool
    ) -> None:
        required = schema.get("required", []) if is_request else []
        for name, field in schema.get("properties", {}).items():
            row = (f"`{prefix}{name}`", self._type(field), _notes(field, field, name in required))
            if row not in rows:
                rows.append(row)
            for option in self._options(field):
                is_list = option.get("type") == "array"
                inner = self._resolve(option["items"]) if is_list else option
                title = inner.get("title", "")
                if "properties" in inner and title not in above:
                    inside = f"{prefix}{name}{'[]' if is_list else ''}."
                    self._add_rows(inner, inside, rows, above | {title}, is_request=is_request)

    def _options(self, schema: Json) -> list[Json]:
        """Return what a value may be, without null."""
        resolved = self._resolve(schema)
        options = resolved.get("anyOf") or resolved.get("oneOf") or [resolved]
        return [self._resolve(one) for one in options if one.get("type") != "null"]

    def _resolve(self, schema: Json) -> Json:
        reference = schema.get("$ref")
        return self._schemas[reference.rpartition("/")[2]] if reference else schema

    def _type(self, schema: Json) -> str:
        resolved = self._resolve(schema)
        if "anyOf" in resolved:
            return " or ".join(dict.fromkeys(self._type(one) for one in resolved["anyOf"]))
        if "enum" in resolved:
            return ", ".join(f"`{value}`" for value in resolved["enum"])
        if "const" in resolved:
            return f"`{resolved['const']}`"
        kind = str(resolved.get("type", "object"))
        return f"list of {self._type(resolved['items'])}" if kind == "array" else kind

    def _example(self, method: str, path: str, operation: Json) -> str:
        """Return a curl command. Its body is the schema's example, which a test sends to a gateway."""
        verb = "" if method == "GET" else f"-X {method} "
        lines = [f'curl -sS --fail-with-body {verb}"$API{_shell_path(path)}"']
        if path.startswith("/v1/blobs/"):
            given = "upload_url" if method == "PUT" else "url"
            lines = [f'curl -sS --fail-with-body {"-T speaker.wav " if method == "PUT" else ""}"${given.upper()}"']
            if method == "PUT":
                lines.append('-H "Content-Type: audio/wav"')
        elif "security" in operation:
            key = "ADMIN_KEY" if operation["tags"] == ["admin"] else "KEY"
            lines.append(f'-H "Authorization: Bearer ${key}"')
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            examples = [example for one in self._options(schema) for example in one.get("examples", [])]
            example = json.dumps(examples[0] if examples else {}, ensure_ascii=False).replace("'", "'\\''")
            lines += ['-H "Content-Type: application/json"', f"-d '{example}'"]
        return "```bash\n" + " \\\n  ".join(lines) + "\n```"


def _shell_path(path: str) -> str:
    """`/v2/jobs/{job_id}` → `/v2/jobs/$JOB_ID`."""
    return "/".join(f"${part[1:-1].upper()}" if part.startswith("{") else part for part in path.split("/"))


def _notes(field: Json, schema: Json, is_required: bool) -> str:
    parts = ["Required."] if is_required else []
    parts.append(_sentence(field.get("description", "")))
    options = [schema, *schema.get("anyOf", [])]
    for option in options:
        limits = {name: option[name] for name in ("minimum", "maximum", "maxLength", "maxItems") if name in option}
        if limits:
            said = " and ".join(_LIMITS[name].format(value) for name, value in limits.items())
            parts.append(f"{said[0].upper()}{said[1:]}.")
    default = schema.get("default")
    if default is not None and "const" not in schema:
        parts.append(f"Default: `{json.dumps(default)}`.")
    return " ".join(filter(None, parts))


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text[-1] in ".!?:" else f"{text}."


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
