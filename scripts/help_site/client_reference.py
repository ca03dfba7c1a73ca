"""Writes the reference of the Python client from its classes and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any, Final

import voxport_client
from voxport_client import errors
from voxport_client.client import Voxport
from voxport_client.models.base import Model

_INTRO = """# Client classes

All classes of `voxport_client` that a program meets. [The Python client](../client.md) shows them at work.
`AsyncVoxport` has the same methods: they are awaited, `stream` is used in `async with`, and lists and events are read
with `async for`.
"""

_RETURNED: Final[dict[str, type[Any]]] = {
    "speech": voxport_client.Speech,
    "stream": voxport_client.SpeechStream,
    "job": voxport_client.PendingJob,
    "list": voxport_client.Paginator,
}
"""Classes whose methods a program calls, by the name that the page gives their objects."""


def client_page() -> str:
    parts = [_INTRO, *_class("Voxport", Voxport, "client.")]
    resources = {name: kind for name, kind in typing.get_type_hints(Voxport).items() if inspect.isclass(kind)}
    for name, kind in resources.items():
        parts += _class(f"client.{name}", kind, f"client.{name}.")
    for name, kind in _RETURNED.items():
        parts += _class(kind.__name__, kind, f"{name}.")
    parts.append("## Answers\n\nFrozen dataclasses. `extra` of each holds the fields that this version does not know.")
    parts += [_model(kind) for kind in _exported(Model) if kind is not Model]
    parts.append("## Errors")
    parts += [_error(kind) for kind in _exported(errors.VoxportError)]
    return "\n\n".join(parts) + "\n"


def _exported(base: type[Any]) -> Iterator[type[Any]]:
    for name in voxport_client.__all__:
        kind = getattr(voxport_client, name)
        if inspect.isclass(kind) and issubclass(kind, base):
            yield kind


def _class(title: str, kind: type[Any], prefix: str) -> Iterator[str]:
    yield f"## {title}"
    if kind.__doc__:
        yield _text(kind)
    if kind is Voxport:
        yield _method("Voxport", Voxport.__init__, "")
    for name, member in inspect.getmembers(kind):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            kind_of_value = inspect.signature(member.fget).return_annotation if member.fget else ""
            yield f"### {prefix}{name}\n\n```python\n{prefix}{name}: {kind_of_value}\n```\n\n{_text(member.fget)}"
        elif inspect.isfunction(member):
            yield _method(name, member, prefix)


def _method(name: str, function: Any, prefix: str) -> str:
    signature = inspect.signature(function)
    parameters: list[str] = []
    for one in signature.parameters.values():
        if one.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        if one.name != "self":
            parameters.append(re.sub(r": '(.*?)'(?= = |$)", r": \1", str(one)))  # annotations are strings
    returned = (
        "" if signature.return_annotation in (inspect.Signature.empty, "None") else f" -> {signature.return_annotation}"
    )
    flat = f"{prefix}{name}({', '.join(parameters)}){returned}"
    if len(flat) > 88:
        flat = f"{prefix}{name}(\n    " + ",\n    ".join(parameters) + f",\n){returned}"
    return f"### {prefix}{name}\n\n```python\n{flat}\n```\n\n{_text(function)}"


def _model(kind: type[Any]) -> str:
    rows = [
        f"| `{one.name}` | `{str(one.type).replace('|', chr(92) + '|')}` |"
        for one in dataclasses.fields(kind)
        if one.name != "extra"
    ]
    return "\n".join([f"### {kind.__name__}", "", _text(kind), "", "| field | type |", "| --- | --- |", *rows])


def _error(kind: type[Any]) -> str:
    status = getattr(kind, "own_status", None)
    name = f"### {kind.__name__}"
    bases = ", ".join(f"`{one.__name__}`" for one in kind.__bases__)
    answered = f" of status {status}" if isinstance(status, int) else ""
    return f"{name}\n\n{_text(kind)}\n\nA {bases}{answered}."


def _text(documented: Any) -> str:
    """Return a docstring as paragraphs of Markdown, where `_` and `*` of a name stay as they are."""
    text = inspect.getdoc(documented) or ""
    if inspect.isclass(documented) and text.startswith(f"{documented.__name__}("):
        return ""  # a dataclass without a docstring has its signature as one
    return re.sub(r"(?<!`)\*(?=\w)", r"\\*", text)
