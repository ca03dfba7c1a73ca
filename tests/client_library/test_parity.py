"""The blocking and the asyncio client have the same methods, parameters and results."""

from __future__ import annotations

import collections.abc
import inspect
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import httpx2
import pytest

import voxport_client
from voxport_client.resources import (
    admin,
    billing,
    jobs,
    keys,
    media,
    pronunciations,
    scripts,
    voices,
    watermark,
    webhooks,
)

MODULES = (voxport_client, admin, billing, jobs, keys, media, pronunciations, scripts, voices, watermark, webhooks)
PAIRS = {
    kind: getattr(module, f"Async{name}")
    for module in MODULES
    for name, kind in inspect.getmembers(module, inspect.isclass)
    if hasattr(module, f"Async{name}") and kind.__module__.startswith("voxport_client.") and name != "Transport"
}
SAME = {
    collections.abc.AsyncIterator: collections.abc.Iterator,
    httpx2.AsyncClient: httpx2.Client,
}
DUNDERS = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}


def test_both_clients_and_all_their_areas_are_compared() -> None:
    assert voxport_client.Voxport in PAIRS
    areas = set(get_type_hints(voxport_client.Voxport).values())
    assert areas <= PAIRS.keys()
    assert len(PAIRS) >= 13


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_the_same_methods_take_and_return_the_same(kind: type) -> None:
    ours, theirs = methods(kind), methods(PAIRS[kind])
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert described(ours[name]) == described(theirs[name]), f"{kind.__name__}.{name}"
        if not name.startswith("_"):
            assert described_doc(ours[name]) == described_doc(theirs[name]), f"{kind.__name__}.{name}"


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_every_public_parameter_and_result_is_typed(kind: type) -> None:
    for name, method in methods(kind).items():
        if isinstance(method, property):
            continue
        hints = get_type_hints(method)
        assert "return" in hints, name
        assert set(inspect.signature(method).parameters) - {"self"} <= hints.keys(), name


def methods(kind: type) -> dict[str, Any]:
    """The public methods and properties by their name in the blocking client."""
    found = {DUNDERS.get(name, name): getattr(kind, name) for name in dir(kind) if name not in dir(object)}
    kept = {name: value for name, value in found.items() if callable(value) or isinstance(value, property)}
    return {name: one for name, one in kept.items() if not name.startswith("_") or name in DUNDERS.values()}


def described(method: Any) -> Any:
    """The parameters with kinds, defaults and types, and the type of the result, in the blocking client's words."""
    if isinstance(method, property):
        return "property", plain(get_type_hints(method.fget)["return"])
    hints = get_type_hints(method)
    parameters = [
        (one.name, one.kind, one.default, plain(hints.get(one.name)))
        for one in inspect.signature(method).parameters.values()
        if one.name != "self"
    ]
    return parameters, plain(hints["return"])


def described_doc(method: Any) -> str:
    text = inspect.getdoc(method.fget if isinstance(method, property) else method) or ""
    return " ".join(text.replace("`async with`", "`with`").split())


def plain(hint: Any) -> Any:
    """A type with the blocking classes in place of the asyncio ones."""
    if isinstance(hint, list):
        return list(map(plain, hint))
    origin, arguments = get_origin(hint), tuple(map(plain, get_args(hint)))
    if origin in (Union, types.UnionType):
        return "union", frozenset(map(str, arguments))
    if origin is None:
        return {theirs: ours for ours, theirs in PAIRS.items()}.get(hint, SAME.get(hint, hint))
    return plain(origin), arguments
