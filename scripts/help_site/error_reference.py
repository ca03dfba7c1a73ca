"""Writes the page of all errors from the classes of the gateway's errors, and from the codes that the source gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import voxport
from voxport import errors
from voxport_client import StatusError

_INTRO = """# Errors

Every error is JSON of one shape. Programs look at `code`; `message` says to a person what is wrong and what to do; and
`request_id`, which is also in the header `X-Gateway-Request-ID`, is for questions to the operator. A call that ends in
an error is not charged, with the one exception of a stream that breaks off: what was made of it is.

```json
{"status": "error",
 "error": {"code": "insufficient_credits",
           "message": "This call needs 5.000000 tokens and the balance is 1.250000.",
           "request_id": "req_01j…",
           "details": {}}}
```

A 422 has `detail` too: for each wrong field its place (`loc`), `msg` and `type`. A 429 or 503 has `Retry-After`, in
seconds.
"""


def error_page() -> str:
    """Return the page: each status with its codes, and the client's class for it."""
    codes: dict[int, set[str]] = {}
    for status, code in [*_codes_of_classes(), *_codes_in_source()]:
        codes.setdefault(status, set()).add(code)
    classes = {status: kind.__name__ for status, kind in StatusError.statuses.items()}
    lines = ["| status | `code` | class in Python |", "| --- | --- | --- |"]
    for status in sorted(codes):
        listed = ", ".join(f"`{code}`" for code in sorted(codes[status]))
        named = f"`{classes[status]}`" if status in classes else ""
        lines.append(f"| {status} {HTTPStatus(status).phrase} | {listed} | {named} |")
    return _INTRO + "\n## Codes\n\n" + "\n".join(lines) + "\n"


def _subclasses(base: type[errors.VoxportError]) -> Iterator[type[errors.VoxportError]]:
    yield base
    for one in base.__subclasses__():
        yield from _subclasses(one)


def _codes_of_classes() -> Iterator[tuple[int, str]]:
    for one in _subclasses(errors.VoxportError):
        if one is not errors.ProviderError:
            yield one.status, one.code


def _codes_in_source() -> Iterator[tuple[int, str]]:
    """Yield the codes that are given where an error is raised: `Conflict("…", code="upload_in_flight")`."""
    statuses = {one.__name__: one.status for one in _subclasses(errors.VoxportError)}
    for path in sorted(Path(voxport.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for keyword in node.keywords:
                is_text = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
                if keyword.arg == "code" and name in statuses and is_text:
                    assert isinstance(keyword.value, ast.Constant)
                    yield statuses[name], str(keyword.value.value)
