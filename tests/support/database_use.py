"""Tells which tests use a database: those whose code, or whose fixtures' code, names something that opens one.

The code is followed through everything that `tests`, `benchmarks` and `scripts` define. A test that starts a process of
the gateway counts. `refuse_hidden_use` fails a test that opens a database although nothing named it.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest

from voxport.db.session import Database

OWN: Final = ("tests", "benchmarks", "scripts", "drill")
OPENERS: Final = re.compile(
    r"voxport\.(gateway|db|worker|serving|supervisor|backup|app|migrations|testing\.running_gateway|cli\.(?!progress))"
    r"|sqlite3|sqlalchemy\.engine"
)
"""Modules whose functions and classes open a database, or belong to one that is open."""
COMMANDS: Final = re.compile(r"voxport\.(gateway|db|worker|serving|cli)\b|-m.{1,8}voxport|^voxport$|^tests\.\w")
"""Strings in code that start the gateway, or a module of the tests, in a child process."""
_HARMLESS: Final = {"backend", "only_known_databases", "request", "monkeypatch", "tmp_path", "tmp_path_factory"}


def uses_database(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    definitions = item._fixtureinfo.name2fixturedefs
    fixtures = [one.func for name, found in definitions.items() if name not in _HARMLESS for one in found]
    params = getattr(item, "callspec", None)
    given = list(params.params.values()) if params is not None else []
    return any(_opens(value) for value in (item.function, *fixtures, *given))


def is_for_sqlite(item: pytest.Item) -> bool:
    """Return whether the case is the one on SQLite of a test that runs on both kinds of database anyway."""
    params = getattr(item, "callspec", None)
    return params is not None and any(isinstance(one, str) and one == "sqlite" for one in params.params.values())


def refuse_hidden_use(monkeypatch: pytest.MonkeyPatch, item: pytest.Item) -> None:
    if uses_database(item):
        return

    def fail(*_: object, **__: object) -> None:
        raise AssertionError(f"{item.nodeid} opens a database, which tests.support.database_use does not see")

    monkeypatch.setattr(Database, "__init__", fail)


def _opens(value: Any) -> bool:
    return _leads_to_opener(value) if isinstance(value, types.FunctionType | type | functools.partial) else False


@functools.cache
def _leads_to_opener(start: Any) -> bool:
    """Search everything that is reachable from a function or class by name."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, str):
            if COMMANDS.search(value):
                return True
        elif isinstance(value, functools.partial):
            waiting += [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, types.ModuleType):
            if OPENERS.match(value.__name__):
                return True
        elif (where := getattr(value, "__module__", None)) is not None and OPENERS.match(where):
            return True
        elif isinstance(value, types.FunctionType) and _is_own(where):
            waiting += _named(value)
        elif isinstance(value, type) and _is_own(where):
            waiting += [part for one in vars(value).values() for part in _functions_of(one)]
            waiting += value.__bases__
        elif isinstance(value, list | tuple | set | frozenset) and len(value) < 100:
            waiting += value
        elif isinstance(value, dict) and len(value) < 100:
            waiting += value.values()
    return False


def _is_own(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in OWN


def _functions_of(attribute: Any) -> Iterator[Any]:
    if isinstance(attribute, staticmethod | classmethod):
        yield attribute.__func__
    elif isinstance(attribute, property):
        yield attribute.fget
    elif isinstance(attribute, functools.cached_property):
        yield attribute.func
    else:
        yield attribute


def _named(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a function's code names: globals, attributes of modules, imports, texts, and what it closes over."""
    function = getattr(function, "__wrapped__", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    for code in _codes(function.__code__):
        found = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
        yield from found
        for module in found:
            if isinstance(module, types.ModuleType):
                yield from (vars(module)[name] for name in code.co_names if name in vars(module))
        yield from (sys.modules[name] for name in code.co_names if "." in name and name in sys.modules)
        yield from (name for name in code.co_names if OPENERS.match(name))
        if "getfixturevalue" in code.co_names:
            yield "voxport.gateway"  # which fixture is not known here, so it counts
        yield from code.co_consts
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue
    yield from function.__defaults__ or ()


def _codes(code: types.CodeType) -> Iterable[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
